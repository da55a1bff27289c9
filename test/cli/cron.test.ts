import assert from 'node:assert/strict';
import { Command } from 'commander';
import { cronCommand } from '../../agent/cli/cron.ts';
import { UsageError } from '../../agent/cli/errors.ts';

async function upkeep(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const written = { stdout: '', stderr: '' };
  const io = {
    stdout: { write: (text: string) => (written.stdout += text) },
    stderr: { write: (text: string) => (written.stderr += text) },
  };
  const program = new Command().exitOverride();
  cronCommand(program, io, () => new Date('2024-03-01T00:00Z'));
  await program.parseAsync(args, { from: 'user' });
  return written;
}

describe('upkeep cron next', () => {
  it('prints one JSON array of instants and nothing else', async () => {
    const { stdout, stderr } = await upkeep('cron', 'next', '0 2 * * SUN#1', '--count', '2', '--json');
    assert.deepEqual(JSON.parse(stdout), ['2024-03-03T02:00:00.000Z', '2024-04-07T02:00:00.000Z']);
    assert.equal(stderr, '');
  });

  it('prints five lines with instant and local time by default', async () => {
    const { stdout } = await upkeep('cron', 'next', '@daily', '--tz', 'Europe/Berlin');
    const lines = stdout.trimEnd().split('\n');
    assert.equal(lines.length, 5);
    assert.equal(lines[0], '2024-03-01T23:00:00.000Z  Sat 2024-03-02 00:00:00 Europe/Berlin');
  });

  it('keeps warnings out of stdout', async () => {
    const { stdout, stderr } = await upkeep('cron', 'next', '0 2 1-7 * SUN', '--count', '1', '--json');
    assert.deepEqual(JSON.parse(stdout), ['2024-03-01T02:00:00.000Z']);
    assert.match(stderr, /^warning: .*SUN#1/);
  });

  const starts = {
    '2024-10-27T00:30:00Z': '2024-10-27T01:00:00.000Z',
    '2024-10-27T02:30:00+02:00': '2024-10-27T01:00:00.000Z',
    '2024-10-26T23:59:59': '2024-10-26T22:00:00.000Z',
    '2024-10-27 00:00': '2024-10-26T23:00:00.000Z',
    '2024-10-27': '2024-10-26T23:00:00.000Z',
  };
  for (const [from, expected] of Object.entries(starts)) {
    it(`takes --from "${from}", local to the zone unless it names an offset`, async () => {
      const { stdout } = await upkeep(
        ...['cron', 'next', '0 * * * *', '--tz', 'Europe/Berlin', '--from', from, '--count', '1', '--json'],
      );
      assert.deepEqual(JSON.parse(stdout), [expected]);
    });
  }

  const wrong: readonly [string, string[], RegExp][] = [
    ['an invalid expression', ['61 * * * *'], /^Minute "61" is outside 0-59; use/],
    ['an expression that never comes', ['0 2 30 2 *'], /never comes/],
    ['an unknown zone', ['@daily', '--tz', 'Mars/Phobos'], /^There is no time zone "Mars\/Phobos"/],
    ['a date that is none', ['@daily', '--from', '2024-02-30'], /^--from "2024-02-30" is no ISO 8601 instant/],
    ['an hour that is none', ['@daily', '--from', '2024-02-03T25:00Z'], /^--from/],
    ['an offset that is none', ['@daily', '--from', '2024-02-03T05:00+99:00'], /^--from/],
    ['words as a date', ['@daily', '--from', 'tomorrow'], /^--from/],
    ['no run at all', ['@daily', '--count', '0'], /^--count "0" is no number from 1 to 1000/],
    ['too many runs', ['@daily', '--count', '1001'], /^--count/],
  ];
  for (const [what, args, reason] of wrong) {
    it(`refuses ${what} with exit code 2 and the reason`, async () => {
      await assert.rejects(upkeep('cron', 'next', ...args, '--json'), (error) => {
        assert.ok(error instanceof UsageError);
        assert.equal(error.exitCode, 2);
        assert.match(error.message, reason);
        return true;
      });
    });
  }
});
