/** Runs mocha inside the extension host. */
import Mocha from 'mocha';
import CountingReporter from '../reporter.ts';

/** Rejects when a test failed, which gives VS Code's test run the exit code 1. */
export async function runSuite(files: readonly (() => Promise<unknown>)[]): Promise<void> {
  const mocha = new Mocha({ ui: 'bdd', timeout: 30_000, color: false, forbidOnly: true, reporter: CountingReporter });
  mocha.suite.emit('pre-require', globalThis, '', mocha);
  for (const load of files) await load();
  await new Promise<void>((resolve, reject) => {
    mocha.run((failures) => {
      if (failures > 0) reject(new Error(`${failures} tests failed`));
      else resolve();
    });
  });
}
