/**
 * What may stand in a cron expression. Checked before node-cron sees it, whose parser takes `janfeb` for December, `1*` for 10-59
 * and expands `0-99999999999` until memory ends.
 */

export type CronField = 'second' | 'minute' | 'hour' | 'day of month' | 'month' | 'day of week';

/** An expression or zone that is refused; the message names the field, what is wrong and what to do. */
export class CronError extends Error {
  override readonly name = 'CronError';
  readonly field: CronField | 'expression' | 'zone';

  constructor(field: CronField | 'expression' | 'zone', message: string) {
    super(message);
    this.field = field;
  }
}

/** Six fields, seconds first, as written. */
export type FieldTexts = readonly [string, string, string, string, string, string];

interface FieldRule {
  readonly field: CronField;
  readonly min: number;
  readonly max: number;
  readonly names: readonly string[];
  /** Forms that stand for themselves, beside numbers, ranges and steps. */
  readonly special: RegExp | null;
  readonly hint: string;
}

const longest = 512;

const monthNames = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const monthLongNames = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
];
const weekdayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const weekdayLongNames = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
const weekdayValue = `[0-7]|${[...weekdayLongNames, ...weekdayNames].join('|')}`;

const rules: readonly FieldRule[] = [
  { field: 'second', min: 0, max: 59, names: [], special: null, hint: 'use 0-59, such as 0 or */10' },
  { field: 'minute', min: 0, max: 59, names: [], special: null, hint: 'use 0-59, such as 30, 0,30, 10-20 or */5' },
  { field: 'hour', min: 0, max: 23, names: [], special: null, hint: 'use 0-23, such as 2, 8-18 or */6' },
  {
    field: 'day of month',
    min: 1,
    max: 31,
    names: [],
    special: /^(?:\?|L|LW|L-(?:[1-9]|[12]\d|30)|(?:[1-9]|0[1-9]|[12]\d|3[01])W)$/i,
    hint: 'use 1-31, L (last day), L-3 (three before it), 15W (weekday nearest to the 15th) or LW',
  },
  {
    field: 'month',
    min: 1,
    max: 12,
    names: [...monthLongNames, ...monthNames],
    special: null,
    hint: 'use 1-12 or JAN-DEC',
  },
  {
    field: 'day of week',
    min: 0,
    max: 7,
    names: [...weekdayLongNames, ...weekdayNames],
    special: new RegExp(`^(?:\\?|(?:${weekdayValue})(?:L|#[1-5]))$`, 'i'),
    hint: 'use 0-7 (0 and 7 are Sunday) or SUN-SAT, 5L (last Friday) or SUN#1 (first Sunday)',
  },
];

const macros: ReadonlyMap<string, string> = new Map([
  ['@yearly', '0 0 1 1 *'],
  ['@annually', '0 0 1 1 *'],
  ['@monthly', '0 0 1 * *'],
  ['@weekly', '0 0 * * 0'],
  ['@daily', '0 0 * * *'],
  ['@midnight', '0 0 * * *'],
  ['@hourly', '0 * * * *'],
]);

/** Splits an expression or macro into its six fields; throws CronError unless each is well formed and within its bounds. */
export function splitExpression(expression: string): FieldTexts {
  if (expression.length > longest) {
    throw new CronError('expression', `The expression has ${expression.length} characters; use at most ${longest}.`);
  }
  const trimmed = expression.trim();
  if (trimmed === '') throw new CronError('expression', 'The expression is empty; write 5 fields such as 0 2 * * *.');
  if (/[^\x20-\x7e\t]/.test(trimmed)) {
    throw new CronError(
      'expression',
      `${quoted(trimmed)} has characters that no cron field takes; use one line of plain ASCII.`,
    );
  }
  const texts = (trimmed.startsWith('@') ? expandMacro(trimmed) : trimmed).split(/[ \t]+/);
  const [second, minute, hour, date, month, weekday, ...rest] = texts.length === 5 ? ['0', ...texts] : texts;
  if (
    second === undefined ||
    minute === undefined ||
    hour === undefined ||
    date === undefined ||
    month === undefined ||
    weekday === undefined ||
    rest.length > 0
  ) {
    const count = `${texts.length} ${texts.length === 1 ? 'field' : 'fields'}`;
    throw new CronError(
      'expression',
      `${quoted(trimmed)} has ${count}; write 5 (minute, hour, day of month, month, day of week), or 6 with the second first.`,
    );
  }
  const fields: FieldTexts = [second, minute, hour, date, month, weekday];
  for (const [index, rule] of rules.entries()) checkField(fields[index] ?? '', rule);
  return fields;
}

/** Text for a message: one line of ASCII, shortened. Nothing in it can steer a terminal or turn its letters around. */
export function quoted(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 57)}...` : text;
  return JSON.stringify(short).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function expandMacro(text: string): string {
  const name = text.toLowerCase();
  const fields = macros.get(name);
  if (fields !== undefined) return fields;
  if (name === '@reboot') {
    throw new CronError(
      'expression',
      '"@reboot" is not a time: the agent also starts without a boot. Start work of a boot from systemd, or give it a time.',
    );
  }
  throw new CronError('expression', `${quoted(text)} is no macro; use ${[...macros.keys()].join(', ')}, or 5 fields.`);
}

function checkField(text: string, rule: FieldRule): void {
  for (const item of text.split(',')) {
    const problem = item === '' ? 'has an empty item' : problemOf(item, text, rule);
    if (problem !== null)
      throw new CronError(rule.field, `${capital(rule.field)} ${quoted(text)} ${problem}; ${rule.hint}.`);
  }
}

function problemOf(item: string, text: string, rule: FieldRule): string | null {
  if (rule.special?.test(item) === true) return item === '?' && text !== '?' ? 'has ? inside a list' : null;
  const match = /^(?:\*|([^-/*]+)(?:-([^-/*]+))?)(?:\/(.*))?$/.exec(item);
  if (match === null) return notUnderstood(item, text);
  const [, from, to, step] = match;
  for (const value of [from, to]) {
    const problem = value === undefined ? null : problemOfValue(value, text, rule);
    if (problem !== null) return problem;
  }
  if (step === undefined) return null;
  if (!/^\d{1,2}$/.test(step) || Number(step) === 0) return `has the step ${quoted(step)}, not a number from 1 to 99`;
  if (from !== undefined && to === undefined) return `has a step without a range (write ${from}-${rule.max}/${step})`;
  return null;
}

function problemOfValue(value: string, text: string, { min, max, names }: FieldRule): string | null {
  if (names.includes(value.toLowerCase())) return null;
  if (!/^\d+$/.test(value)) return notUnderstood(value, text);
  if (value.length <= 2 && Number(value) >= min && Number(value) <= max) return null;
  return value === text ? `is outside ${min}-${max}` : `has ${quoted(value)}, outside ${min}-${max}`;
}

function notUnderstood(part: string, text: string): string {
  return part === text ? 'is not understood' : `has ${quoted(part)}, which is not understood`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
