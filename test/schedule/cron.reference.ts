/**
 * Cron by brute force, for comparison: walks real minutes, asks Intl what a clock on the wall shows at each, and keeps, as Debian's
 * cron does, a mark of the latest local time that was handled. Shares nothing with the code under test.
 */
const minute = 60_000;

export interface WallMinute {
  readonly instant: number;
  /** What the wall shows, as if it were UTC. */
  readonly local: number;
}

/** Every minute of [from, until) with its wall time. */
export function wallMinutes(zone: string, from: number, until: number): WallMinute[] {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  });
  const minutes: WallMinute[] = [];
  for (let instant = from; instant < until; instant += minute) {
    const [, month, day, year, hour, past] = (
      /^(\d+)\/(\d+)\/(\d+), (\d+):(\d+)$/.exec(format.format(instant)) ?? []
    ).map(Number);
    minutes.push({ instant, local: Date.UTC(year!, month! - 1, day, hour, past) });
  }
  return minutes;
}

/** Instants at which a 5-field expression of numbers, ranges, steps, L, W and # starts within the given minutes. */
export function referenceRuns(expression: string, minutes: readonly WallMinute[], all = false): number[] {
  const matches = matcher(expression, all);
  const [minuteText = '', hourText = ''] = expression.split(' ');
  const follows = minuteText.includes('*') || hourText.includes('*');
  if (follows) return minutes.filter(({ local }) => matches(local)).map(({ instant }) => instant);
  const runs: number[] = [];
  let mark = minutes[0]!.local - minute;
  for (const { instant, local } of minutes) {
    if (local <= mark) continue;
    const first = local - mark > 181 * minute ? local : mark + minute;
    let due = false;
    for (let handled = first; handled <= local; handled += minute) due ||= matches(handled);
    if (due) runs.push(instant);
    mark = local;
  }
  return runs;
}

function matcher(expression: string, all: boolean): (local: number) => boolean {
  const [minutes, hours, dates, months, weekdays] = expression.split(' ') as [string, string, string, string, string];
  const minuteFits = Array.from({ length: 60 }, (_, value) => contains(minutes, value, 0, 59));
  const hourFits = Array.from({ length: 24 }, (_, value) => contains(hours, value, 0, 23));
  const either = !all && !dates.includes('*') && !weekdays.includes('*');
  const dayFits = (local: number): boolean => {
    const wall = new Date(local);
    if (!contains(months, wall.getUTCMonth() + 1, 1, 12)) return false;
    const byDate = dates.split(',').some((item) => dateMatches(item, wall));
    const byWeekday = weekdays.split(',').some((item) => weekdayMatches(item, wall));
    return either ? byDate || byWeekday : byDate && byWeekday;
  };
  const fits = new Map<number, boolean>();
  return (local) => {
    if (!minuteFits[(local / minute) % 60] || !hourFits[Math.floor(local / minute / 60) % 24]) return false;
    const day = Math.floor(local / minute / 60 / 24);
    const fit = fits.get(day) ?? dayFits(local);
    fits.set(day, fit);
    return fit;
  };
}

function contains(text: string, value: number, min: number, max: number): boolean {
  return text.split(',').some((item) => {
    const [range, step = '1'] = item.split('/') as [string, string?];
    const [from, to = from] = range === '*' ? [min, max] : (range.split('-').map(Number) as [number, number?]);
    return value >= from && value <= to && (value - from) % Number(step) === 0;
  });
}

function lastDate(wall: Date): number {
  return new Date(Date.UTC(wall.getUTCFullYear(), wall.getUTCMonth() + 1, 0)).getUTCDate();
}

function dateMatches(item: string, wall: Date): boolean {
  if (item.endsWith('W')) return nearestWeekday(item === 'LW' ? lastDate(wall) : parseInt(item, 10), wall);
  if (item.startsWith('L')) return wall.getUTCDate() === lastDate(wall) - Number(item.slice(2));
  return contains(item, wall.getUTCDate(), 1, 31);
}

/** Of the weekdays of the month, the one whose distance to the target is least. */
function nearestWeekday(target: number, wall: Date): boolean {
  if (target > lastDate(wall)) return false;
  const weekdayOf = (date: number): number =>
    new Date(Date.UTC(wall.getUTCFullYear(), wall.getUTCMonth(), date)).getUTCDay();
  const dates = Array.from({ length: lastDate(wall) }, (_, index) => index + 1);
  const working = dates.filter((date) => weekdayOf(date) % 6 !== 0);
  working.sort((one, other) => Math.abs(one - target) - Math.abs(other - target));
  return working[0] === wall.getUTCDate();
}

function weekdayMatches(item: string, wall: Date): boolean {
  const weekday = wall.getUTCDay();
  const date = wall.getUTCDate();
  const [name, nth] = item.split('#') as [string, string?];
  if (nth !== undefined) return Number(name) % 7 === weekday && Math.ceil(date / 7) === Number(nth);
  if (item.endsWith('L')) return parseInt(item, 10) % 7 === weekday && date + 7 > lastDate(wall);
  return contains(item, weekday, 0, 7) || (weekday === 0 && contains(item, 7, 0, 7));
}
