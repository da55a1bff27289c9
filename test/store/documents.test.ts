import assert from 'node:assert/strict';
import type { Alert, MaintenanceWindow, Report } from '../../agent/protocol/nouns.ts';
import type { Database } from '../../agent/store/database.ts';
import {
  deleteReport,
  findOpenAlert,
  findWindowByRequest,
  getAlert,
  getWindow,
  listOpenAlerts,
  listOpenWindows,
  listReports,
  listWindows,
  saveAlert,
  saveReport,
  saveWindow,
} from '../../agent/store/documents.ts';
import { dropUntold, markTold, saveNotice, seeNotice, toldStage } from '../../agent/store/notices.ts';
import { insertRun, lastRunsByTask, listRecentRuns } from '../../agent/store/runs.ts';
import { runNumber, storeHarness, type StoreHarness } from './harness.ts';

const at = (minute: number): string => new Date(Date.UTC(2026, 2, 1, 2, minute)).toISOString();

describe('nouns of the store', () => {
  let harness: StoreHarness;
  let database: Database;
  beforeEach(() => {
    harness = storeHarness();
    database = harness.open();
  });
  afterEach(() => {
    harness.dispose();
  });

  const report = (id: string, minute = 0): Report => ({
    id,
    procedure: 'health-check',
    runId: null,
    at: at(minute),
    outcome: 'unchanged',
    findings: [{ level: 'ok', code: 'disk.usage', subject: '/', message: '40 % used', value: 40, unit: '%' }],
    certificates: null,
  });
  const alert = (id: string, more: Partial<Alert> = {}): Alert => ({
    id,
    key: `check:health:${id}`,
    level: 'critical',
    title: 't',
    message: 'm',
    state: 'firing',
    since: at(0),
    updatedAt: at(0),
    count: 1,
    held: false,
    runId: null,
    acknowledgedBy: null,
    ...more,
  });
  const window = (id: string, more: Partial<MaintenanceWindow> = {}): MaintenanceWindow => ({
    id,
    title: 'Upgrade',
    reason: 'new kernel',
    state: 'active',
    openedBy: 'alice',
    startsAt: at(0),
    endsAt: at(30),
    closedAt: null,
    closedReason: null,
    plan: [],
    planRuns: [],
    mode: { flagFile: null, on: false, problem: null },
    heldAlerts: 0,
    ...more,
  });

  it('reports are one of each id, the newest, until they are removed', () => {
    for (const item of [report('task:b'), report('check:a'), report('task:b', 5)]) saveReport(database, item);
    assert.deepEqual(listReports(database), [report('check:a'), report('task:b', 5)]);
    deleteReport(database, 'check:a');
    deleteReport(database, 'check:gone');
    assert.deepEqual(
      listReports(database).map(({ id }) => id),
      ['task:b'],
    );
  });

  it('alerts are found by id, and by their key while they are open', () => {
    saveAlert(database, alert('a'));
    saveAlert(database, alert('b', { state: 'acknowledged', updatedAt: at(1) }));
    saveAlert(database, alert('c'));
    saveAlert(database, alert('c', { state: 'resolved', updatedAt: at(2) }));
    assert.deepEqual([getAlert(database, 'a'), getAlert(database, 'none')], [alert('a'), null]);
    assert.equal(getAlert(database, 'c')?.state, 'resolved');
    assert.deepEqual(
      [findOpenAlert(database, 'check:health:b')?.id, findOpenAlert(database, 'check:health:c')],
      ['b', null],
    );
    assert.deepEqual(
      listOpenAlerts(database).map(({ id }) => id),
      ['b', 'a'],
    );
  });

  it('windows are found by id and by the request that opened them, open ones until they are over', () => {
    saveWindow(database, window('one'), 'request-1');
    saveWindow(database, window('two', { startsAt: at(5) }), null);
    saveWindow(database, window('over', { startsAt: at(9) }), null);
    saveWindow(database, window('over', { startsAt: at(9), state: 'closed', closedAt: at(10) }), null);
    assert.deepEqual([getWindow(database, 'one'), getWindow(database, 'none')], [window('one'), null]);
    assert.equal(findWindowByRequest(database, 'request-1')?.id, 'one');
    assert.equal(findWindowByRequest(database, 'request-2'), null);
    assert.deepEqual(
      [listOpenWindows(database), listWindows(database, 2)].map((items) => items.map(({ id }) => id)),
      [
        ['one', 'two'],
        ['over', 'two'],
      ],
    );
  });

  it('that are no longer what they should be are an error, not half a noun', () => {
    saveWindow(database, window('one'), null);
    database.change("UPDATE windows SET document = '{}' WHERE id = 'one'");
    assert.throws(() => getWindow(database, 'one'), /invalid_type/);
  });

  it('the highest stage that was told of a thing is known by whatever alert told it', () => {
    const stage = (key = 'alert-1'): number | null => toldStage(database, key, 'cert-1');
    assert.equal(stage(), null);
    saveNotice(database, 'alert-1', { identity: 'cert-1', stage: 1 }, true, 0);
    saveNotice(database, 'alert-1', { identity: 'cert-1', stage: 2 }, false, 0);
    assert.deepEqual([stage(), stage('alert-2')], [null, 2]);
    markTold(database, 'alert-1');
    assert.deepEqual([stage(), stage('alert-2')], [2, 2]);
    saveNotice(database, 'alert-1', { identity: 'cert-1', stage: 3 }, false, 0);
    dropUntold(database, 'alert-1');
    assert.deepEqual([stage(), stage('alert-2')], [null, null]);
    saveNotice(database, 'alert-1', { identity: 'cert-1', stage: 1 }, true, 0);
    seeNotice(database, 'cert-1', 77);
    assert.equal(database.get('SELECT seen FROM notices')?.['seen'], 77);
  });

  it('runs are the last of each task, newest first, however many one task has', () => {
    for (let index = 0; index < 6; index += 1)
      insertRun(database, runNumber(index, { task: index === 0 ? 'rare' : 'often' }), null);
    assert.deepEqual(
      listRecentRuns(database, 2).map(({ task, id }) => [task, id]),
      [
        ['often', runNumber(5).id],
        ['often', runNumber(4).id],
        ['rare', runNumber(0).id],
      ],
    );
  });

  it('the last end and the last good end of each task are told, of what has run and not only looked', () => {
    const ends = (index: number, more: Parameters<typeof runNumber>[1]): void => {
      insertRun(database, runNumber(index, more), null);
    };
    ends(0, { outcome: 'changed' });
    ends(1, { outcome: 'failed', exitCode: 1, progress: { done: 1 } });
    ends(2, { outcome: 'skipped', startedAt: null });
    ends(3, { outcome: 'changed', dryRun: true });
    ends(4, { task: 'bad', outcome: 'failed' });
    ends(5, { task: 'missed', outcome: 'missed', startedAt: null });
    const found = lastRunsByTask(database).toSorted((one, other) => one.task.localeCompare(other.task));
    assert.deepEqual(
      found.map(({ task, outcome, durationMs, endedAt, lastSuccess }) => [
        task,
        outcome,
        durationMs,
        endedAt,
        lastSuccess,
      ]),
      [
        ['bad', 'failed', 5000, Date.parse(runNumber(4).endedAt ?? ''), null],
        ['job', 'failed', 5000, Date.parse(runNumber(1).endedAt ?? ''), Date.parse(runNumber(0).endedAt ?? '')],
        ['missed', 'missed', 0, Date.parse(runNumber(5).endedAt ?? ''), null],
      ],
    );
  });
});
