/** Mocha's spec reporter that also leaves its counts, as JSON, in the file that UPKEEP_TEST_COUNTS names. */
import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';
import { idsOf, type CaseCounts, type Cases } from './reliability.ts';

export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  /** Titles of the failed tests, each with the beginning of its reason. */
  readonly failures: readonly string[];
  /** How the tests of each attack and fault went. */
  readonly cases: Cases;
}

/** Often the summary is all that can be read of a run elsewhere. */
function reasonOf(error: unknown): readonly string[] {
  if (typeof error !== 'object' || error === null) return [String(error)];
  const { message, stack }: { readonly message?: unknown; readonly stack?: unknown } = error;
  const lines = [message, stack].flatMap((text) => (typeof text === 'string' ? text.split('\n').slice(0, 12) : []));
  return [...new Set(lines.map((line) => line.trim().slice(0, 300)).filter((line) => line !== ''))].slice(0, 20);
}

export default class CountingReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options?: Mocha.MochaOptions) {
    super(runner, options);
    const cases: Record<string, CaseCounts> = {};
    const count = (title: string, passed: number, failed: number): void => {
      for (const id of idsOf(title)) {
        const before = cases[id] ?? { passed: 0, failed: 0 };
        cases[id] = { passed: before.passed + passed, failed: before.failed + failed };
      }
    };
    runner.on('pass', (test) => {
      count(test.fullTitle(), 1, 0);
    });
    runner.on('fail', (test) => {
      count(test.fullTitle(), 0, 1);
    });
    runner.once('end', () => {
      const file = process.env['UPKEEP_TEST_COUNTS'];
      if (file === undefined) return;
      // Those that a parallel worker has sent have lost their methods.
      const failures = this.failures.map((test) => [test.fullTitle(), ...reasonOf(test.err)].join('\n      '));
      const counts: TestCounts = { passed: this.stats.passes, failed: this.stats.failures, failures, cases };
      writeFileSync(file, JSON.stringify(counts));
    });
  }
}
