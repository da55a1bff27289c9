/** The calendar side of a cron expression: which local times its fields name. Pure arithmetic, no zones, no clock. */

const second = 1000;
const day = 86_400_000;
/** Each combination of leap year and first weekday comes back within 40 years, also across 2100 (Gregorian calendar). */
const horizonMonths = 41 * 12;
/** Every seventh bit: shifted by a date, it marks the dates with the same weekday. */
const weekly = 0x10204081;

type SomeNumbers = readonly [number, ...number[]];

/** Fields of an expression. Masks have bit n set for value n. */
export interface CronFields {
  /** Sorted. */
  readonly seconds: SomeNumbers;
  readonly minutes: SomeNumbers;
  readonly hours: SomeNumbers;
  /** Mask of 1 to 31. */
  readonly dates: number;
  /** Distances from the last day of the month: `L` is 0, `L-3` is 3. */
  readonly fromLast: readonly number[];
  /** `15W` is 15: the weekday (Monday to Friday) nearest to that date within its month; `LW` is `last`. */
  readonly nearWeekday: readonly (number | 'last')[];
  /** Mask of 1 to 12. */
  readonly months: number;
  /** Mask of 0 (Sunday) to 6. */
  readonly weekdays: number;
  /** `5L` is bit 5: the last of that weekday in the month. */
  readonly lastWeekdays: number;
  /** `2#3`: the third Tuesday. */
  readonly nthWeekdays: readonly { readonly weekday: number; readonly nth: number }[];
  /** Whether one of the two day fields is enough, or both must match. */
  readonly days: 'either' | 'both';
}

/** The first matching local time at or after `from` (local milliseconds), or null when none comes within 41 years. */
export function nextLocal(fields: CronFields, from: number): number | null {
  const start = Math.ceil(from / second) * second;
  const startDay = Math.floor(start / day);
  const civil = new Date(startDay * day);
  let year = civil.getUTCFullYear();
  let month = civil.getUTCMonth() + 1;
  let date = civil.getUTCDate();
  if (Number.isNaN(year)) return null;
  if (hasBit(fields.months, month) && hasBit(datesOf(fields, year, month), date)) {
    const time = nextTime(fields, (start - startDay * day) / second);
    if (time !== null) return startDay * day + time * second;
  }
  for (let searched = 0; searched <= horizonMonths; searched++) {
    if (hasBit(fields.months, month)) {
      // -2 << date has the bits above `date`.
      const later = datesOf(fields, year, month) & (-2 << date);
      if (later !== 0) return (dayNumber(year, month, 1) + lowestBit(later) - 1) * day + firstTime(fields) * second;
    }
    date = 0;
    month = month === 12 ? 1 : month + 1;
    if (month === 1) year++;
  }
  return null;
}

/** Mask of the dates of one month that the two day fields name. */
function datesOf(fields: CronFields, year: number, month: number): number {
  const length = monthLength(year, month);
  const firstWeekday = (((dayNumber(year, month, 1) + 4) % 7) + 7) % 7;
  const all = (2 << length) - 2;
  const byDate = datesByDate(fields, length, firstWeekday) & all;
  const byWeekday = datesByWeekday(fields, length, firstWeekday) & all;
  return fields.days === 'either' ? byDate | byWeekday : byDate & byWeekday;
}

function datesByDate(fields: CronFields, length: number, firstWeekday: number): number {
  let dates = fields.dates;
  for (const distance of fields.fromLast) if (distance < length) dates |= 1 << (length - distance);
  for (const target of fields.nearWeekday) {
    const wanted = target === 'last' ? length : target;
    if (wanted <= length) dates |= 1 << nearestWeekday(wanted, length, (firstWeekday + wanted - 1) % 7);
  }
  return dates;
}

function datesByWeekday(fields: CronFields, length: number, firstWeekday: number): number {
  let dates = 0;
  for (let weekday = 0; weekday < 7; weekday++) {
    const first = firstDateOf(weekday, firstWeekday);
    if (hasBit(fields.weekdays, weekday)) dates |= weekly << first;
    if (hasBit(fields.lastWeekdays, weekday)) dates |= 1 << (first + 7 * Math.floor((length - first) / 7));
  }
  for (const { weekday, nth } of fields.nthWeekdays) {
    const date = firstDateOf(weekday, firstWeekday) + 7 * (nth - 1);
    if (date <= length) dates |= 1 << date;
  }
  return dates;
}

function firstDateOf(weekday: number, firstWeekday: number): number {
  return 1 + ((weekday - firstWeekday + 7) % 7);
}

/** Never leaves the month: the 1st on a Saturday gives Monday the 3rd. */
function nearestWeekday(date: number, length: number, weekday: number): number {
  if (weekday === 6) return date === 1 ? 3 : date - 1;
  if (weekday === 0) return date === length ? date - 2 : date + 1;
  return date;
}

/** Seconds of the day of the first matching time at or after `from`. */
function nextTime(fields: CronFields, from: number): number | null {
  const hour = Math.floor(from / 3600);
  const minute = Math.floor(from / 60) % 60;
  const { seconds, minutes, hours } = fields;
  const [firstSecond] = seconds;
  if (hours.includes(hour)) {
    if (minutes.includes(minute)) {
      const found = seconds.find((value) => value >= from % 60);
      if (found !== undefined) return hour * 3600 + minute * 60 + found;
    }
    const found = minutes.find((value) => value > minute);
    if (found !== undefined) return hour * 3600 + found * 60 + firstSecond;
  }
  const found = hours.find((value) => value > hour);
  return found === undefined ? null : found * 3600 + minutes[0] * 60 + firstSecond;
}

function firstTime({ seconds, minutes, hours }: CronFields): number {
  return hours[0] * 3600 + minutes[0] * 60 + seconds[0];
}

function monthLength(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Days since 1970-01-01 of a Gregorian date, counting years from March so that the leap day is last. */
function dayNumber(year: number, month: number, date: number): number {
  const marchYear = month > 2 ? year : year - 1;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + date - 1;
  const leapDays = Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400);
  return marchYear * 365 + leapDays + dayOfYear - 719_468;
}

function hasBit(mask: number, bit: number): boolean {
  return ((mask >>> bit) & 1) === 1;
}

function lowestBit(mask: number): number {
  return 31 - Math.clz32(mask & -mask);
}
