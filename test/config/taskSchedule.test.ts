import assert from 'node:assert/strict';
import { loadConfig, type LoadResult } from '../../agent/config/load.ts';
import { load, nowhere, onlyMessage, places, procedures, task } from './harness.ts';

const action = ['name: a', 'procedure: rotate-logs'];

function loadAt(now: string, ...lines: string[]): LoadResult {
  return loadConfig({
    file: `${nowhere}/maintenance.yaml`,
    text: task(...action, ...lines),
    env: {},
    procedures,
    now: Date.parse(now),
  });
}

describe('when a task runs', () => {
  it('is said by a cron expression, an interval or a single time, in the zone of the task', () => {
    const result = loadAt('2026-01-01', 'every: 15m', 'jitter: 30s', 'missed: all', 'max_age: 2h');
    assert.deepEqual(places(result), []);
    const [first] = result.config?.tasks ?? [];
    assert.deepEqual(
      [first?.every, first?.jitter, first?.missed, first?.max_age],
      [15 * 60_000, 30_000, 'all', 2 * 3_600_000],
    );
    const once = loadAt('2026-01-01', 'at: 2026-12-24T02:00', 'timezone: Europe/Berlin');
    assert.deepEqual(places(once), []);
    assert.deepEqual([once.config?.tasks[0]?.at, once.config?.tasks[0]?.zone], ['2026-12-24T02:00', 'Europe/Berlin']);
  });

  for (const lines of [
    ['schedule: 0 1 * * *', 'every: 15m'],
    ['schedule: 0 1 * * *', 'at: 2026-12-24T02:00'],
    ['every: 15m', 'at: 2026-12-24T02:00'],
  ]) {
    it(`is said in one way only: not by ${lines.join(' and ')}`, () => {
      const result = loadAt('2026-01-01', ...lines);
      const column = lines[1]?.startsWith('at') === true ? 11 : 14;
      assert.deepEqual(places(result), [`6:${column} error ambiguous-schedule`]);
      assert.match(onlyMessage(result), /one of `schedule`, `every` and `at`: remove/);
      assert.deepEqual(result.config?.tasks, []);
    });
  }

  for (const [line, says] of [
    ['every: 0s', /`every` of task `a` must be between 1s and 366d/],
    ['every: 400d', /between 1s and 366d/],
    ['every: 15', /duration/],
    ['every: -5m', /duration/],
    ['jitter: 2d', /`jitter` of task `a` must be at most 1d/],
    ['missed: never', /one of `once`, `skip`, `all`/],
    ['at: 2026-02-30T02:00', /`at` must be a date and time such as/],
    ['at: tomorrow', /`at` must be a date and time such as/],
    ['at: 2026-12-24T25:00', /`at` must be a date and time such as/],
  ] as const) {
    it(`refuses ${line}`, () => {
      const result = loadAt('2026-01-01', line);
      assert.match(onlyMessage(result), says);
      assert.deepEqual(result.config?.tasks, []);
    });
  }

  it('warns of a single time in the past, and of settings that do nothing', () => {
    assert.deepEqual(places(loadAt('2027-01-01', 'at: 2026-12-24T02:00')), ['5:11 warning past']);
    assert.deepEqual(places(loadAt('2026-01-01', 'jitter: 5m', 'missed: skip', 'max_age: 1h', 'day_match: all')), [
      '5:15 warning no-effect',
      '6:15 warning no-effect',
      '7:16 warning no-effect',
      '8:18 warning no-effect',
    ]);
  });

  it('needs a zone that there is, also for a single time', () => {
    assert.deepEqual(places(load(task(...action, 'at: 2126-12-24T02:00', 'timezone: Mars/Base'))), [
      '6:17 error invalid-timezone',
    ]);
  });
});
