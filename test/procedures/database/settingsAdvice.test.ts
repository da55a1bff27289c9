import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { settingsAdvice, tableAdvice } from '../../../agent/procedures/database/settingsAdvice.ts';
import type { Setting, SettingsReadings } from '../../../agent/procedures/database/settingsReadings.ts';

const MB = 1024 ** 2;
const GB = 1024 ** 3;

function setting(text: string, value: number | null = null, given: Partial<Setting> = {}): Setting {
  return { text, value, restart: false, altered: false, fixed: false, ...given };
}

/** A server that leaves nothing to wish for, on 16 GB. */
const good: Record<string, Setting> = {
  autovacuum: setting('on'),
  autovacuum_vacuum_scale_factor: setting('0.2', 0.2),
  checkpoint_completion_target: setting('0.9', 0.9),
  checkpoint_timeout: setting('15min', 900_000),
  effective_cache_size: setting('10GB', 10 * GB),
  effective_io_concurrency: setting('16', 16),
  log_lock_waits: setting('on'),
  maintenance_work_mem: setting('1GB', GB),
  max_connections: setting('100', 100),
  max_wal_size: setting('4GB', 4 * GB),
  random_page_cost: setting('1.1', 1.1),
  shared_buffers: setting('4GB', 4 * GB, { restart: true }),
  track_counts: setting('on'),
  track_io_timing: setting('on'),
  work_mem: setting('16MB', 16 * MB),
};

function advise(settings: Record<string, Setting> = {}, given: Partial<SettingsReadings> = {}, machine = {}) {
  const readings: SettingsReadings = {
    checkpoints: { timed: 100, requested: 0 },
    temporaryFiles: 0,
    temporaryBytes: 0,
    largeTables: [],
    ...given,
    settings: { ...good, ...settings },
  };
  return settingsAdvice(readings, { memoryBytes: 16 * GB, rotates: false, ...machine });
}

const ids = (advice: readonly { readonly id: string }[]): string[] => advice.map(({ id }) => id);

describe('the advice about settings', () => {
  it('is none where nothing is to be wished for', () => {
    assert.deepEqual(advise(), []);
  });

  it('fits the memory of the server to that of its machine, in the words of the server', () => {
    const [buffers] = advise({ shared_buffers: setting('128MB', 128 * MB, { restart: true }) });
    assert.equal(buffers?.sql, `alter system set shared_buffers = '4GB'`);
    assert.equal(buffers.undo, 'alter system reset shared_buffers');
    assert.deepEqual([buffers.restart, buffers.scope], [true, 'server']);
    assert.deepEqual(buffers.setting, { name: 'shared_buffers', from: '128MB', to: '4GB' });
    assert.match(buffers.reason, /^shared_buffers is 128MB: the machine has 16\.0 GB/);
    assert.deepEqual(ids(advise({ shared_buffers: setting('12GB', 12 * GB) })), ['setting.shared_buffers']);
    assert.deepEqual(ids(advise({ maintenance_work_mem: setting('64MB', 64 * MB) })), ['setting.maintenance_work_mem']);
    assert.deepEqual(ids(advise({ effective_cache_size: setting('4GB', 4 * GB) })), ['setting.effective_cache_size']);
  });

  it('says nothing of memory and disk where the machine is not known', () => {
    const poor = { shared_buffers: setting('128MB', 128 * MB), random_page_cost: setting('4', 4) };
    assert.deepEqual(advise(poor, {}, { memoryBytes: null, rotates: null }), []);
  });

  it('gives sorts more memory where they write to disk and there is enough, and less where it could run out', () => {
    const spills = { temporaryFiles: 10, temporaryBytes: GB };
    const more = advise({ work_mem: setting('4MB', 4 * MB) }, spills);
    assert.deepEqual(
      more.map(({ setting: changed }) => changed?.to),
      ['32MB'],
    );
    const less = advise({ work_mem: setting('256MB', 256 * MB) });
    assert.deepEqual(
      less.map(({ setting: changed }) => changed?.to),
      ['32MB'],
    );
    assert.deepEqual(advise({ work_mem: setting('4MB', 4 * MB), max_connections: setting('1000', 1000) }, spills), []);
  });

  it('makes checkpoints fewer and smoother', () => {
    const forced = advise({}, { checkpoints: { timed: 10, requested: 10 } });
    assert.deepEqual(
      forced.map(({ setting: changed }) => changed?.to),
      ['8GB'],
    );
    assert.deepEqual(advise({}, { checkpoints: { timed: 2, requested: 2 } }), [], 'too few to judge by');
    assert.deepEqual(ids(advise({ checkpoint_completion_target: setting('0.5', 0.5) })), [
      'setting.checkpoint_completion_target',
    ]);
    assert.deepEqual(ids(advise({ checkpoint_timeout: setting('1min', 60_000) })), ['setting.checkpoint_timeout']);
  });

  it('takes random reads for cheap on a disk without moving parts, and on no other', () => {
    const slow = { random_page_cost: setting('4', 4), effective_io_concurrency: setting('1', 1) };
    assert.deepEqual(ids(advise(slow)), ['setting.random_page_cost', 'setting.effective_io_concurrency']);
    assert.deepEqual(advise(slow, {}, { rotates: true }), []);
  });

  it('turns on what must be on', () => {
    const off = { autovacuum: setting('off'), track_counts: setting('off'), log_lock_waits: setting('off') };
    assert.deepEqual(ids(advise(off)), ['setting.track_counts', 'setting.autovacuum', 'setting.log_lock_waits']);
  });

  it('takes back to the value that ALTER SYSTEM had set, else to that of the file', () => {
    const [advice] = advise({ random_page_cost: setting('3', 3, { altered: true }) });
    assert.equal(advice?.undo, `alter system set random_page_cost = '3'`);
  });

  it('is none where ALTER SYSTEM does not reach', () => {
    assert.deepEqual(advise({ random_page_cost: setting('4', 4, { fixed: true }) }), []);
  });

  it('lets autovacuum begin earlier on large tables', () => {
    const largeTables = [{ relation: 'public."odd ""name"', rows: 5e6 }];
    const readings = { settings: good, checkpoints: { timed: 0, requested: 0 }, temporaryFiles: 0, temporaryBytes: 0 };
    const [advice] = tableAdvice({ ...readings, largeTables });
    assert.equal(advice?.id, 'autovacuum.public."odd ""name"');
    assert.match(advice.sql, /^alter table public\."odd ""name" set \(autovacuum_vacuum_scale_factor = 0\.02/);
    assert.match(advice.undo, /^alter table public\."odd ""name" reset \(/);
    const early = { ...good, autovacuum_vacuum_scale_factor: setting('0.05', 0.05) };
    assert.deepEqual(tableAdvice({ ...readings, settings: early, largeTables }), []);
  });
});
