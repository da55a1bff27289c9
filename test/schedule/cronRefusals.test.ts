import assert from 'node:assert/strict';
import { CronError, parseCron } from '../../agent/schedule/cron.ts';

/** Expression, field to blame, what the message must say. */
const refused: readonly [string, CronError['field'], RegExp][] = [
  ['', 'expression', /empty/],
  [' \t ', 'expression', /empty/],
  ['*', 'expression', /1 field;/],
  ['* * * *', 'expression', /4 fields; write 5/],
  ['* * * * * * *', 'expression', /7 fields/],
  ['@reboot', 'expression', /not a time.*systemd/],
  ['@every 5m', 'expression', /no macro; use @yearly/],
  ['@__proto__', 'expression', /no macro/],
  ['60 * * * *', 'minute', /^Minute "60" is outside 0-59; use/],
  ['60 0 0 * * *', 'second', /outside 0-59/],
  ['0 24 * * *', 'hour', /outside 0-23/],
  ['0 0 0 * *', 'day of month', /outside 1-31/],
  ['0 0 32 * *', 'day of month', /outside 1-31/],
  ['0 0 * 13 *', 'month', /outside 1-12; use 1-12 or JAN-DEC/],
  ['0 0 * * 8', 'day of week', /outside 0-7/],
  ['-5 * * * *', 'minute', /not understood/],
  ['5- * * * *', 'minute', /not understood/],
  ['1-2-3 * * * *', 'minute', /not understood/],
  ['1* * * * *', 'minute', /not understood/],
  ['*-5 * * * *', 'minute', /not understood/],
  ['** * * * *', 'minute', /not understood/],
  ['1,,2 * * * *', 'minute', /empty item/],
  ['0x10 * * * *', 'minute', /not understood/],
  ['1e1 * * * *', 'minute', /not understood/],
  ['*/0 * * * *', 'minute', /step "0"/],
  ['*/-5 * * * *', 'minute', /step "-5"/],
  ['*/ * * * *', 'minute', /step ""/],
  ['0/15 * * * *', 'minute', /write 0-59\/15/],
  ['70-5 * * * *', 'minute', /"70", outside/],
  ['L * * * *', 'minute', /not understood/],
  ['? * * * *', 'minute', /not understood/],
  ['0 0 1,? * *', 'day of month', /\? inside a list/],
  ['0 0 L-31 * *', 'day of month', /"L-31"/],
  ['0 0 1-5W * *', 'day of month', /not understood|"5W"/],
  ['0 0 32W * *', 'day of month', /not understood/],
  ['0 0 * janfeb *', 'month', /not understood/],
  ['0 0 * jan1 *', 'month', /not understood/],
  ['0 0 * * monday2', 'day of week', /not understood/],
  ['0 0 * * SUN#0', 'day of week', /not understood/],
  ['0 0 * * SUN#6', 'day of week', /not understood/],
  ['0 0 * * 1-5#2', 'day of week', /not understood|"5#2"/],
  ['0 0 * * L', 'day of week', /not understood/],
];

const never = ['0 2 30 2 *', '0 0 0 30 2 *', '0 0 31 2,4,6,9,11 *', '0 0 31W 4 *', '0 0 L-30 2 *', '* * 30 feb ?'];

const hostile: readonly [string, string][] = [
  ['a million characters', '*'.repeat(1_000_000)],
  ['a million spaces inside', `*${' '.repeat(1_000_000)}* * * *`],
  ['a range without end', '0-99999999999999999999 * * * *'],
  ['an inverted range without end', '99999999999-0 * * * *'],
  ['a step without end', '0-59/99999999999 * * * *'],
  ['a list as long as may be', `${'0-59,'.repeat(99)}0 * * * x`],
  ['repeated names', `0 0 * ${'jan'.repeat(150)} *`],
  ['a second line', '* * * * *\n* * * * * root touch pwned'],
  ['a shell command', '* * * * *; touch pwned'],
  ['code', '${process.exit(1)} * * * *'],
  ['NUL', '* * * * \0'],
  ['other digits', '٣ * * * *'],
  ['other spaces', '*\u00a0*\u2003* * *'],
];

function refusal(expression: string, options: Parameters<typeof parseCron>[1] = {}): CronError {
  try {
    parseCron(expression, options);
  } catch (error) {
    assert.ok(error instanceof CronError, String(error));
    return error;
  }
  assert.fail(`${expression.slice(0, 60)} was taken`);
}

describe('parseCron refuses', () => {
  for (const [expression, field, reason] of refused) {
    it(`"${expression}", and names the ${field}`, () => {
      const error = refusal(expression);
      assert.equal(error.field, field);
      assert.match(error.message, reason);
    });
  }

  for (const expression of never) {
    it(`"${expression}", which never comes`, () => {
      assert.match(refusal(expression).message, /never comes/);
    });
  }

  it('days that never meet', () => {
    const error = refusal('0 0 8-31 * MON#1', { dayMatch: 'all' });
    assert.match(error.message, /never comes: .*never meet/);
    assert.doesNotThrow(() => parseCron('0 0 8-31 * MON#1'));
  });

  it('times that the zone always skips', () => {
    const error = refusal('*/30 2 * 3 SUNL', { zone: 'Europe/Berlin' });
    assert.match(error.message, /Europe\/Berlin always skips it/);
    assert.equal(error.field, 'hour');
  });

  for (const [what, expression] of hostile) {
    it(`${what}, in one short line`, () => {
      const { message } = refusal(expression);
      assert.match(message, /^[\x20-\x7e]{1,300}$/);
    });
  }

  for (const zone of [
    '',
    'Mars/Phobos',
    'Europe/Berlin ',
    '+02:00',
    '../../etc/passwd',
    'A'.repeat(100_000),
    'Europe/Berlin\n',
  ]) {
    it(`the zone ${JSON.stringify(zone.slice(0, 20))}`, () => {
      const error = refusal('@daily', { zone });
      assert.equal(error.field, 'zone');
      assert.match(error.message, /^There is no time zone .{2,70}; use an IANA name such as Europe\/Berlin or UTC\.$/);
    });
  }

  it('no zone for the case of its letters', () => {
    assert.equal(parseCron('@daily', { zone: 'europe/berlin' }).zone, 'Europe/Berlin');
  });
});
