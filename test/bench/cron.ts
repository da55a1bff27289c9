/** BENCHMARKS section 8: the next run of an expression, and all tasks of a large host planned anew. */
import { nextRun, parseCron } from '../../agent/schedule/cron.ts';
import { median, type Figure } from './figure.ts';

const calls = 5000;
const rounds = 5;
const start = new Date('2024-03-01T00:00:00Z');

const cases = ['*/5 * * * *', '0 2 * * 1-5', '15 2 29 2 *', '0 2 * * SUN#1'].flatMap((expression) =>
  ['UTC', 'Europe/Berlin'].map((zone) => ({ expression, zone })),
);

export function cron(): Promise<readonly Figure[]> {
  const figures: Figure[] = cases.map(({ expression, zone }) => ({
    name: `next run of \`${expression}\`, ${zone}`,
    unit: 'µs',
    ours: median(Array.from({ length: rounds }, () => nextRunMicroseconds(expression, zone))),
    floor: null,
    goal: { atMost: 80 },
  }));
  const plans = Array.from({ length: rounds }, thousandTasks);
  figures.push({
    name: '1,000 tasks planned anew',
    unit: 'ms',
    ours: median(plans),
    floor: null,
    goal: { atMost: 50 },
  });
  return Promise.resolve(figures);
}

/** Each from the one before, as a scheduler asks; from the start again where the calendar would leave the known years. */
function nextRunMicroseconds(expression: string, zone: string): number {
  const schedule = parseCron(expression, { zone });
  let at = start;
  const begun = performance.now();
  for (let call = 0; call < calls; call += 1) {
    const next = nextRun(schedule, at);
    at = next === null || next.getUTCFullYear() > 2060 ? start : next;
  }
  return ((performance.now() - begun) * 1000) / calls;
}

function thousandTasks(): number {
  const zones = ['UTC', 'Europe/Berlin', 'America/New_York'];
  const schedules = Array.from({ length: 1000 }, (_, index) =>
    parseCron(`${index % 60} ${index % 24} * * ${index % 7}`, { zone: zones[index % 3] ?? 'UTC' }),
  );
  const begun = performance.now();
  for (const schedule of schedules) nextRun(schedule, start);
  return performance.now() - begun;
}
