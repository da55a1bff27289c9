import assert from 'node:assert/strict';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { retentionSettings, type RetentionSettings } from '../../agent/config/retention.ts';
import { EventBus } from '../../agent/events.ts';
import type { Finding, Run } from '../../agent/protocol/nouns.ts';
import { RunDirectory } from '../../agent/run/directory.ts';
import type { Database } from '../../agent/store/database.ts';
import { Retention } from '../../agent/store/retention.ts';
import { listRuns } from '../../agent/store/runs.ts';
import { addSamples, countSamples } from '../../agent/store/samples.ts';
import { silent } from '../config/harness.ts';
import { FakeClock } from '../schedule/fakeClock.ts';
import { addRun, runNumber, storeHarness, type StoreHarness } from './harness.ts';

const day = 86_400_000;
const measured = (value: number): Finding => ({ level: 'ok', code: 'disk.usage', subject: '/', message: 'm', value });

describe('retention', () => {
  let harness: StoreHarness;
  let database: Database;
  let clock: FakeClock;
  beforeEach(() => {
    harness = storeHarness();
    database = harness.open();
    clock = new FakeClock('2024-03-05T12:00:00Z');
  });
  afterEach(() => {
    harness.dispose();
  });

  const retention = (settings: unknown): Retention => {
    const parsed: RetentionSettings = retentionSettings.parse(settings);
    return new Retention({ database, clock, root: harness.root, settings: () => parsed, log: silent });
  };
  /** Runs of a task, the first one the oldest; index 0 is at 02:00. */
  const add = (from: number, count: number, more: Partial<Run> = {}, output?: string): void => {
    database.transaction(() => {
      for (let index = from; index < from + count; index += 1)
        addRun(database, harness.root, runNumber(index, more), output);
    });
  };
  const left = (): number[] => listRuns(database, { limit: 500 }).map(({ id }) => Number.parseInt(id.slice(-8), 16));
  const hasDirectory = (index: number): boolean =>
    existsSync(RunDirectory.of(harness.root, runNumber(index).id)?.path ?? '');

  it('deletes what is older than the days, but neither open runs nor the last good one of a task', async () => {
    add(0, 2);
    add(2, 3, { outcome: 'failed', exitCode: 1 });
    add(5, 1, { state: 'running', outcome: null, endedAt: null });
    clock.step(100 * day);
    const swept = await retention({ runs: { days: 90 } }).sweep();
    assert.equal(swept.runs, 4);
    assert.deepEqual(left(), [5, 1], 'the open one, and the last that ended well');
    assert.deepEqual([hasDirectory(5), hasDirectory(1), hasDirectory(0), hasDirectory(4)], [true, true, false, false]);
  });

  it('deletes nothing while nobody knows how long it is meant to be kept', async () => {
    add(0, 3, {}, 'out');
    clock.step(10_000 * day);
    const kept = new Retention({ database, clock, root: harness.root, settings: () => null, log: silent });
    const { runs, events, bytes } = await kept.sweep();
    assert.deepEqual([runs, events, bytes > 0], [0, 0, true]);
    assert.deepEqual(left(), [2, 1, 0]);
  });

  it('keeps so many runs of each task', async () => {
    add(0, 10);
    add(20, 3, { task: 'other' });
    add(30, 4, { kind: 'block', task: 'runbook #1' });
    await retention({ runs: { count: 2 } }).sweep();
    assert.deepEqual(left(), [33, 32, 22, 21, 9, 8]);
  });

  it('keeps runs and their output below a size, the oldest go first', async () => {
    add(0, 10, {}, 'x'.repeat(100_000));
    const { bytes } = await retention({ runs: { max_bytes: '500kB' } }).sweep();
    assert.ok(bytes <= 500_000);
    assert.deepEqual(left(), [9, 8, 7, 6]);
  });

  it('deletes the folders of days that are empty', async () => {
    add(0, 3);
    add(3000, 1);
    clock.step(100 * day);
    await retention({}).sweep();
    assert.deepEqual(readdirSync(harness.root), ['2024-03-07']);
  });

  it('deletes events by age and number, never their count', async () => {
    const at = { now: clock.now() };
    const events = new EventBus(database, () => at.now);
    const emit = (count: number): void => {
      database.transaction(() => {
        for (let index = 0; index < count; index += 1) events.emit('report.removed', { id: 'x' });
      });
    };
    emit(300);
    at.now += 20 * day;
    clock.step(20 * day);
    emit(150);
    await retention({}).sweep();
    assert.deepEqual([events.oldest(), events.latest()], [301, 450]);
    await retention({ events: { count: 100 } }).sweep();
    assert.deepEqual([events.oldest(), events.latest()], [351, 450]);
  });

  it('finishes what a crash interrupted: a row whose directory is gone', async () => {
    add(0, 1, { outcome: 'failed' });
    add(1, 1);
    const directory = RunDirectory.of(harness.root, runNumber(0).id);
    rmSync(directory?.path ?? '', { recursive: true });
    clock.step(100 * day);
    await retention({}).sweep();
    assert.deepEqual(left(), [1]);
  });

  it('begins after a minute, then every hour', async () => {
    add(0, 2);
    const running = retention({ runs: { count: 1 } });
    running.start();
    clock.advance(59_000);
    assert.equal(left().length, 2);
    clock.advance(2000);
    await running.sweep();
    assert.equal(left().length, 1);
    await running.stop();
    assert.equal(clock.waiting, 0);
  });

  it('leaves the event loop free: hundreds of runs are deleted in many turns', async () => {
    add(0, 300);
    let turns = 0;
    const count = (): void => {
      turns += 1;
      timer = setImmediate(count);
    };
    let timer = setImmediate(count);
    await retention({ runs: { count: 1 } }).sweep();
    clearImmediate(timer);
    assert.deepEqual(left(), [299]);
    assert.ok(turns > 20, `${turns} turns`);
  });

  it('deletes what was measured by age and by number', async () => {
    const at = (index: number): number => clock.now() + index * day;
    for (let index = 0; index < 50; index += 1) addSamples(database, 'check:x', at(index), [measured(index)]);
    clock.step(49 * day);
    await retention({ samples: { days: 40 } }).sweep();
    assert.equal(countSamples(database), 41);
    database.transaction(() => {
      for (let index = 0; index < 2000; index += 1)
        addSamples(database, 'check:y', clock.now() + index, [measured(index)]);
    });
    await retention({ samples: { days: 40, count: 1500 } }).sweep();
    assert.equal(countSamples(database), 1500);
    assert.equal(database.get('SELECT count(*) AS count FROM series')?.['count'], 1);
  });
});
