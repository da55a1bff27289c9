/** Mocha's spec reporter that also leaves its counts, as JSON, in the file that UPKEEP_TEST_COUNTS names. */
import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';

export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  /** Titles of the failed tests. */
  readonly failures: readonly string[];
}

export default class CountingReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options?: Mocha.MochaOptions) {
    super(runner, options);
    runner.once('end', () => {
      const file = process.env['UPKEEP_TEST_COUNTS'];
      if (file === undefined) return;
      // Those that a parallel worker has sent have lost their methods.
      const failures = this.failures.map((test) => test.fullTitle());
      const counts: TestCounts = { passed: this.stats.passes, failed: this.stats.failures, failures };
      writeFileSync(file, JSON.stringify(counts));
    });
  }
}
