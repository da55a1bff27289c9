import assert from 'node:assert/strict';
import { CronError, nextRun, nextRuns, parseCron } from '../../agent/schedule/cron.ts';
import { randomFrom, type Random } from '../random.ts';
import { referenceRuns, wallMinutes, type WallMinute } from './cron.reference.ts';

const hour = 3_600_000;
const seed = Number(process.env['CRON_SEED'] ?? Date.now() % 2 ** 31);

/** Zone and instant of a change of its clock: both directions, at and around midnight, half an hour, two hours, a whole day. */
const changes: readonly [string, string][] = [
  ['UTC', '2024-03-31T01:00Z'],
  ['Europe/Berlin', '2024-03-31T01:00Z'],
  ['Europe/Berlin', '2024-10-27T01:00Z'],
  ['America/New_York', '2025-03-09T07:00Z'],
  ['America/New_York', '2025-11-02T06:00Z'],
  ['Australia/Lord_Howe', '2024-04-06T15:00Z'],
  ['Australia/Lord_Howe', '2024-10-05T15:30Z'],
  ['Pacific/Chatham', '2024-04-06T14:00Z'],
  ['Pacific/Chatham', '2024-09-28T14:00Z'],
  ['America/Havana', '2024-03-10T05:00Z'],
  ['America/Havana', '2024-11-03T05:00Z'],
  ['America/St_Johns', '2010-03-14T03:31Z'],
  ['America/St_Johns', '2010-11-07T02:31Z'],
  ['Antarctica/Troll', '2024-03-31T01:00Z'],
  ['Antarctica/Troll', '2024-10-27T01:00Z'],
  ['Pacific/Apia', '2011-12-30T10:00Z'],
];

function pick<T>(random: Random, items: readonly T[]): T {
  return items[random(items.length)]!;
}

function numberField(random: Random, min: number, max: number, usual: readonly number[]): string {
  const value = (): number => (random(2) === 0 ? pick(random, usual) : min + random(max - min + 1));
  const from = value();
  const to = from + random(max - from + 1);
  switch (random(6)) {
    case 0:
      return '*';
    case 1:
      return `*/${1 + random(max)}`;
    case 2:
      return `${from}-${to}`;
    case 3:
      return `${from}-${to}/${1 + random(7)}`;
    case 4:
      return `${from},${value()}`;
    default:
      return String(from);
  }
}

function dateField(random: Random, near: readonly number[]): string {
  if (random(2) === 0) return '*';
  const special = ['L', `L-${1 + random(5)}`, `${1 + random(31)}W`, 'LW'];
  return random(3) === 0 ? pick(random, special) : numberField(random, 1, 31, near);
}

function weekdayField(random: Random): string {
  if (random(2) === 0) return '*';
  const special = [`${random(8)}#${1 + random(5)}`, `${random(8)}L`, `${random(3)},${3 + random(5)}`];
  return random(3) === 0 ? pick(random, special) : numberField(random, 0, 7, [0, 6, 7]);
}

function randomExpression(random: Random, near: Date): string {
  const dates = [-1, 0, 1].map((shift) => new Date(near.getTime() + shift * 24 * hour).getUTCDate());
  const month = random(4) === 0 ? String(near.getUTCMonth() + 1) : '*';
  return [
    numberField(random, 0, 59, [0, 15, 30, 45]),
    numberField(random, 0, 23, [0, 1, 2, 3, 23]),
    dateField(random, dates),
    random(12) === 0 ? numberField(random, 1, 12, [3, 10]) : month,
    weekdayField(random),
  ].join(' ');
}

/** All runs among the given minutes by the code under test; none for an expression that it refuses as one that never comes. */
function runsWithin(expression: string, zone: string, minutes: readonly WallMinute[], all: boolean): number[] {
  const end = minutes.at(-1)!.instant;
  const runs: number[] = [];
  try {
    const schedule = parseCron(expression, { zone, dayMatch: all ? 'all' : 'any' });
    let next = nextRun(schedule, new Date(minutes[0]!.instant - 1));
    for (; next !== null && next.getTime() <= end; next = nextRun(schedule, next)) runs.push(next.getTime());
  } catch (error) {
    assert.ok(error instanceof CronError && error.message.includes('never comes'), String(error));
  }
  return runs;
}

const shown = (instants: readonly number[]): string[] => instants.map((instant) => new Date(instant).toISOString());

describe(`cron against brute force (CRON_SEED=${seed})`, () => {
  for (const [zone, change] of changes) {
    it(`agrees around ${change} in ${zone}`, () => {
      const random = randomFrom(seed);
      const at = new Date(change);
      const minutes = wallMinutes(zone, at.getTime() - 60 * hour, at.getTime() + 60 * hour);
      for (let count = 0; count < 140; count++) {
        const expression = randomExpression(random, at);
        const all = random(4) === 0;
        const expected = referenceRuns(expression, minutes, all);
        const found = runsWithin(expression, zone, minutes, all);
        assert.deepEqual(shown(found), shown(expected), `${expression} in ${zone}`);
      }
    });
  }

  it('gives the run after any instant, not only after a run', () => {
    const random = randomFrom(seed);
    for (const [zone, change] of changes) {
      const at = new Date(change);
      const minutes = wallMinutes(zone, at.getTime() - 30 * hour, at.getTime() + 30 * hour);
      for (let count = 0; count < 40; count++) {
        const expression = `${numberField(random, 0, 59, [0, 30])} ${numberField(random, 0, 23, [0, 1, 2, 3])} * * *`;
        const schedule = parseCron(expression, { zone });
        const expected = referenceRuns(expression, minutes);
        for (let tries = 0; tries < 20; tries++) {
          const after = at.getTime() + random(24 * hour) - 12 * hour;
          const run = expected.find((instant) => instant > after);
          if (run === undefined) continue;
          const message = `${expression} in ${zone} after ${new Date(after).toISOString()}`;
          assert.equal(nextRun(schedule, new Date(after))?.toISOString(), new Date(run).toISOString(), message);
        }
      }
    }
  });

  it('agrees on days, months and weekdays over eight years', () => {
    const random = randomFrom(seed);
    const start = Date.UTC(1999, 6, 1);
    const days = Array.from({ length: 8 * 366 }, (_, index) => start + index * 24 * hour);
    const midnights = days.map((instant) => ({ instant, local: instant }));
    for (let count = 0; count < 120; count++) {
      const date = dateField(random, [1, 15, 28, 29, 30, 31]);
      const expression = `0 0 ${date} ${numberField(random, 1, 12, [2])} ${weekdayField(random)}`;
      const all = random(3) === 0;
      const expected = referenceRuns(expression, midnights, all);
      assert.deepEqual(shown(runsWithin(expression, 'UTC', midnights, all)), shown(expected), expression);
    }
  });

  it('gives the same list by nextRuns as one by one', () => {
    const schedule = parseCron('*/20 1-3 * * *', { zone: 'Europe/Berlin' });
    const runs = nextRuns(schedule, new Date('2024-10-26T20:00Z'), 30);
    assert.equal(runs.length, 30);
    runs.slice(1).forEach((run, index) => {
      assert.deepEqual(nextRun(schedule, runs[index]!), run);
    });
  });
});
