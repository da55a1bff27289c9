/** Hostile, endless and invalid expressions against a process of their own, which would be killed if it hung. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { runCommands } from '../cli/commands.ts';
import { withFolder } from '../config/harness.ts';

const groups: Readonly<Record<string, readonly (readonly [expression: string, zone: string])[]>> = {
  never: ['0 0 30 2 *', '0 0 31 2,4,6,9,11 *', '* * * 30 2 *', '0 0 31W 4 *', '0 0 L-30 2 *', '*/30 2 * 3 SUNL'].map(
    (expression) => [expression, 'Europe/Berlin'],
  ),
  hostile: [
    '*'.repeat(1_000_000),
    `*${' '.repeat(1_000_000)}* * * *`,
    '0-99999999999999999999 * * * *',
    '99999999999-0/1 * * * *',
    `${'0-59,'.repeat(200_000)}0 * * * *`,
    `0 0 * ${'jan'.repeat(100_000)} *`,
    `0 0 ${'L'.repeat(100_000)} * *`,
    `0 0 * * ${'1#'.repeat(100_000)}`,
    `${'('.repeat(50_000)}a+)+$ * * * *`,
    '${process.exit(1)} * * * *',
    'constructor __proto__ toString * *',
    '* * * * *\n* * * * * root touch pwned',
  ].map((expression) => [expression, 'UTC']),
  invalid: ['', '*', '60 * * * *', '*/0 * * * *', '0 24 * * *', '0 0 0 * *', '0 0 * * 8', '@reboot'].map(
    (expression) => [expression, 'UTC'],
  ),
  badtz: ['', 'Mars/Phobos', '../../etc/passwd', '+02:00', 'A'.repeat(1_000_000), 'UTC\n', '__proto__'].map((zone) => [
    '0 0 * * *',
    zone,
  ]),
};

describe('cron expressions of attackers', function () {
  this.timeout(60_000);

  for (const [group, cases] of Object.entries(groups)) {
    it(`V26: the group ${group} is refused, each without blocking the loop for 200 ms`, async () => {
      const script = `
        import { CronError, parseCron } from ${JSON.stringify(new URL('../../agent/schedule/cron.ts', import.meta.url).href)};
        parseCron('0 0 * * *', { zone: 'UTC' });
        for (const [expression, zone] of JSON.parse(process.argv[1])) {
          const from = process.cpuUsage();
          let refused = false;
          try {
            parseCron(expression, { zone });
          } catch (error) {
            if (!(error instanceof CronError) || error.message.length > 400) throw error;
            refused = true;
          }
          // Processor time, not the clock's: it is the time for which nothing else could run in this process.
          const { user, system } = process.cpuUsage(from);
          if (!refused) throw new Error('taken: ' + expression.slice(0, 60) + ' in ' + zone);
          if (user + system > 2e5) throw new Error((user + system) / 1e6 + ' s: ' + expression.slice(0, 60));
        }
        console.log('all refused');
      `;
      const { stdout } = await run(script, cases);
      assert.equal(stdout, 'all refused\n');
    });
  }

  it('V26: upkeep cron next answers each of them within a second, with exit code 2 and a short reason', async () => {
    await withFolder(async (folder) => {
      const cases = Object.values(groups).flat();
      const commands = cases.map(([expression, zone]) => ({
        argv: ['cron', 'next', '--json', '--tz', zone, '--', expression],
      }));
      const all = await runCommands(commands, {
        folder,
        cwd: folder,
        env: { PATH: process.env['PATH'], HOME: folder },
      });
      for (const [index, { code, text, cpuSeconds }] of all.entries()) {
        const shown = JSON.stringify(cases[index]).slice(0, 80);
        assert.equal(code, 2, shown);
        assert.ok(text.startsWith('upkeep: ') && text.length < 500, `${shown}: ${text.slice(0, 600)}`);
        assert.ok(cpuSeconds < 1, `${shown}: ${cpuSeconds} s`);
      }
    });
  });
});

function run(script: string, cases: readonly (readonly [string, string])[]): Promise<{ readonly stdout: string }> {
  const whole = script.replace('JSON.parse(process.argv[1])', JSON.stringify(cases));
  const running = promisify(execFile)(process.execPath, ['--input-type=module'], { timeout: 30_000 });
  running.child.stdin?.end(whole);
  return running;
}
