/**
 * Cron expressions: node-cron's parser, and our own search for the next run by the rules of Debian's cron(8) and crontab(5).
 *
 * A job without `*` in minute and hour has fixed times: skipped by the clock (summer time begins) it runs once, at the instant of
 * the jump; in repeated time it runs at the first pass only. With `*` in minute or hour, with a step or not (as in Debian's cron), it
 * follows the clock: nothing in a gap, every match in repeated time. A jump forward of more than three hours (Samoa, 2011) is a
 * correction, after which nothing is made up for. Day of month and day of week both without `*`: either is enough.
 */
import { validateDetailed, type ParsedFields } from 'node-cron';
import { CronError, quoted, splitExpression, type FieldTexts } from './cronGrammar.ts';
import { nextLocal, type CronFields } from './cronFields.ts';
import { zoneNamed, type Zone } from './zone.ts';

export { CronError } from './cronGrammar.ts';
export { describeWarnings } from './cronWarnings.ts';

export type DayMatch = 'any' | 'all';

/** A checked expression in its zone; plain data. */
export interface CronSchedule {
  readonly expression: string;
  /** IANA name. */
  readonly zone: string;
  readonly dayMatch: DayMatch;
  readonly texts: FieldTexts;
  readonly fields: CronFields;
  /** Whether `*` in minute or hour makes it follow the clock through gaps and repeated time. */
  readonly followsClock: boolean;
}

const hour = 3_600_000;
const day = 24 * hour;
/** crontab rules look at the minute; our sixth field makes it the second. */
const grain = 1000;
const longestMadeUpJump = 3 * hour;
const horizon = 42 * 366 * day;
const lastDate = 8.64e15;
const everyWeekday = 0b111_1111;
/** For the question whether a schedule ever comes: the rules of zones known today hold from here on. */
const reference = Date.UTC(2026, 0, 1);

/**
 * Reads 5 fields (crontab(5)), 6 with the second first, or a macro such as `@daily`. `dayMatch: 'all'` wants both day fields to match.
 * Throws CronError for what is not understood, never comes, or names an unknown zone.
 */
export function parseCron(expression: string, options: { zone?: string; dayMatch?: DayMatch } = {}): CronSchedule {
  const zone = zoneOrThrow(options.zone ?? 'UTC');
  const texts = splitExpression(expression);
  const dayMatch = options.dayMatch ?? 'any';
  const schedule = {
    expression: expression.trim(),
    zone: zone.name,
    dayMatch,
    texts,
    fields: fieldsOf(texts, dayMatch),
    followsClock: hasStar(texts[1]) || hasStar(texts[2]),
  };
  if (nextLocal(schedule.fields, reference) === null) {
    throw new CronError('day of month', `${quoted(schedule.expression)} never comes: ${neverReason(schedule)}.`);
  }
  if (nextRun(schedule, new Date(reference)) === null) {
    const advice = 'choose another hour, or a zone without summer time such as UTC';
    throw new CronError('hour', `${quoted(schedule.expression)} never comes: ${zone.name} always skips it; ${advice}.`);
  }
  return schedule;
}

/** The first run strictly after an instant; null when none comes within 41 years. */
export function nextRun(schedule: CronSchedule, after: Date): Date | null {
  const from = after.getTime();
  if (Number.isNaN(from)) throw new RangeError('nextRun needs a valid date.');
  if (Math.abs(from) > lastDate - horizon) return null;
  const zone = zoneOrThrow(schedule.zone);
  const found = schedule.followsClock
    ? nextByClock(schedule.fields, zone, from)
    : nextFixed(schedule.fields, zone, from);
  return found === null ? null : new Date(found);
}

/** Up to `count` runs in order, each after the one before. */
export function nextRuns(schedule: CronSchedule, after: Date, count: number): Date[] {
  const runs: Date[] = [];
  let last = after;
  while (runs.length < count) {
    const next = nextRun(schedule, last);
    if (next === null) break;
    runs.push(next);
    last = next;
  }
  return runs;
}

function nextFixed(fields: CronFields, zone: Zone, after: number): number | null {
  let local = nextLocal(fields, floorToGrain(after + zone.stretchAt(after).offset) + grain);
  while (local !== null && local - after < horizon) {
    const landing = zone.landing(local);
    if (landing.at > after && landing.skipped <= longestMadeUpJump) return landing.at;
    // Either the clock shows this time again, having run it at the first pass, or a correction left it out.
    local = nextLocal(fields, landing.resume);
  }
  return null;
}

function nextByClock(fields: CronFields, zone: Zone, after: number): number | null {
  let instant = floorToGrain(after) + grain;
  while (instant - after < horizon) {
    const { end, offset } = zone.stretchAt(instant);
    const local = nextLocal(fields, instant + offset);
    if (local === null) return null;
    const candidate = local - offset;
    if (candidate < end) return candidate;
    // Two days on, no change of the offset can bring back a local time before the candidate: leap close to it.
    instant = end > instant + 2 * day ? Math.max(end, candidate - 2 * day) : end;
  }
  return null;
}

function floorToGrain(instant: number): number {
  return Math.floor(instant / grain) * grain;
}

function fieldsOf(texts: FieldTexts, dayMatch: DayMatch): CronFields {
  const fields = readByNodeCron(texts);
  const dates = fields.dayOfMonth.map(String);
  const weekdays = fields.dayOfWeek.map(String);
  const either = dayMatch === 'any' && !hasStar(texts[3]) && !hasStar(texts[5]);
  return {
    seconds: sorted(fields.second),
    minutes: sorted(fields.minute),
    hours: sorted(fields.hour),
    dates: mask(dates.filter(isNumber)),
    fromLast: dates.flatMap((text) => (/^L(?:-\d+)?$/.test(text) ? [Number(text.slice(2))] : [])),
    nearWeekday: dates
      .filter((text) => text.endsWith('W'))
      .map((text) => (text === 'LW' ? 'last' : parseInt(text, 10))),
    months: mask(fields.month.map(String)),
    weekdays: mask(weekdays.filter(isNumber)),
    lastWeekdays: mask(weekdays.filter((text) => text.endsWith('L')).map((text) => text.slice(0, -1))),
    nthWeekdays: weekdays
      .filter((text) => text.includes('#'))
      .map((text) => ({ weekday: Number(text.charAt(0)) % 7, nth: Number(text.charAt(2)) })),
    days: either ? 'either' : 'both',
  };
}

/**
 * Dates and months are read apart: read together, node-cron refuses `0 2 30 2 MON`, which crontab(5) runs on Mondays in February.
 * That some day comes at all is checked by looking for it.
 */
function readByNodeCron([second, minute, hour, date, month, weekday]: FieldTexts): ParsedFields {
  const days = validateDetailed([second, minute, hour, date, '*', weekday].join(' '));
  const months = validateDetailed(`0 0 0 * ${month} *`);
  if (days.fields !== undefined && months.fields !== undefined) return { ...days.fields, month: months.fields.month };
  // Nothing is known that `splitExpression` takes and node-cron does not.
  throw new CronError('expression', `${quoted([minute, hour, date, month, weekday].join(' '))} is not understood.`);
}

/** crontab(5): a field is restricted when it does not contain `*`; `?` is Quartz's word for it in a day field. */
function hasStar(text: string): boolean {
  return text.includes('*') || text === '?';
}

function neverReason({ fields, dayMatch, texts }: Pick<CronSchedule, 'fields' | 'dayMatch' | 'texts'>): string {
  const days = `day of month ${quoted(texts[3])} in month ${quoted(texts[4])}`;
  if (dayMatch === 'all' && fields.weekdays !== everyWeekday) {
    return `${days} and day of week ${quoted(texts[5])} never meet; change one of them`;
  }
  return `there is no ${days}; change one of them`;
}

function zoneOrThrow(name: string): Zone {
  const zone = zoneNamed(name);
  if (zone !== null) return zone;
  throw new CronError('zone', `There is no time zone ${quoted(name)}; use an IANA name such as Europe/Berlin or UTC.`);
}

/** Each number once; there is one at least. */
function sorted(numbers: readonly number[]): CronFields['hours'] {
  const least = Math.min(...numbers);
  const others = new Set(numbers.filter((number) => number > least));
  return [least, ...[...others].sort((one, other) => one - other)];
}

function isNumber(text: string): boolean {
  return /^\d+$/.test(text);
}

function mask(numbers: readonly string[]): number {
  return numbers.reduce((bits, number) => bits | (1 << Number(number)), 0);
}
