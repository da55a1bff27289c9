import assert from 'node:assert/strict';
import type { Finding } from '../../agent/protocol/nouns.ts';
import type { Database } from '../../agent/store/database.ts';
import { addSamples, countSamples, deleteEmptySeries, deleteSamples, readSamples } from '../../agent/store/samples.ts';
import { storeHarness, type StoreHarness } from './harness.ts';

const start = Date.parse('2024-03-05T12:00:00Z');

describe('samples', () => {
  let harness: StoreHarness;
  let database: Database;
  beforeEach(() => {
    harness = storeHarness();
    database = harness.open();
  });
  afterEach(() => {
    harness.dispose();
  });

  const used = (value: number | undefined, subject = '/'): Finding => ({
    level: 'ok',
    code: 'disk.usage',
    subject,
    message: 'm',
    unit: '%',
    ...(value === undefined ? {} : { value }),
  });
  const all = { from: start, to: start + 1_000_000, points: 10, limit: 200 };

  it('are one series for each thing that was measured, without what has no value', () => {
    addSamples(database, 'check:health', start, [
      used(40),
      used(70, '/var'),
      used(undefined, '/tmp'),
      used(Number.NaN),
    ]);
    addSamples(database, 'check:health', start + 1000, [used(42)]);
    addSamples(database, 'task:nightly', start, [{ ...used(1), code: 'logs.age', unit: undefined }]);
    assert.deepEqual(
      readSamples(database, all).map(({ source, subject, unit, points }) => [source, subject, unit, points.length]),
      [
        ['check:health', '/', '%', 1],
        ['check:health', '/var', '%', 1],
        ['task:nightly', '/', null, 1],
      ],
    );
    assert.deepEqual(readSamples(database, { ...all, source: 'check:health', subject: '/' })[0]?.points, [
      { at: new Date(start).toISOString(), count: 2, min: 40, mean: 41, max: 42 },
    ]);
    assert.deepEqual(readSamples(database, { ...all, code: "x' OR 1 = 1" }), []);
  });

  it('are summed up into as many points as are asked for, in their order', () => {
    database.transaction(() => {
      for (let index = 0; index < 1000; index += 1) addSamples(database, 's', start + index * 1000, [used(index)]);
    });
    const [series] = readSamples(database, all);
    assert.deepEqual(
      series?.points.map(({ count, min, max }) => [count, min, max]),
      Array.from({ length: 10 }, (_, index) => [100, index * 100, index * 100 + 99]),
    );
    assert.equal(readSamples(database, { ...all, from: start + 500_000, points: 1000 })[0]?.points.length, 500);
  });

  it('keep the later of two values for the same thing at the same instant', () => {
    addSamples(database, 's', start, [used(1), used(2)]);
    assert.equal(readSamples(database, all)[0]?.points[0]?.max, 2);
    assert.equal(countSamples(database), 1);
  });

  it('go by age and by number, the oldest first, in bounded steps', () => {
    for (let index = 0; index < 20; index += 1) addSamples(database, 's', start + index, [used(index)]);
    const step = (before: number, excess: number): number =>
      deleteSamples(database, { before: start + before, excess, limit: 4 });
    assert.deepEqual([step(6, 0), step(6, 0), step(6, 0)], [4, 2, 0]);
    assert.deepEqual([step(0, 3), step(0, 0)], [3, 0]);
    assert.equal(readSamples(database, all)[0]?.points[0]?.min, 9);
    assert.deepEqual([step(100, 0), step(100, 0), step(100, 0)], [4, 4, 3]);
    deleteEmptySeries(database);
    assert.deepEqual(database.all('SELECT id FROM series'), []);
  });
});
