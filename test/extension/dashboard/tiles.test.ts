import assert from 'node:assert/strict';
import type { Snapshot } from '../../../agent/protocol/methods.ts';
import { tilesOf } from '../../../extension/dashboard/tiles.ts';
import type { Tile } from '../../../webview/dashboardSchema.ts';
import {
  ago,
  ahead,
  makeAlert,
  makeFinding,
  makeHost,
  makeReport,
  makeRun,
  makeSnapshot,
  makeTask,
  makeWindow,
  now,
} from '../nouns.ts';

const minute = 60_000;

function tile(id: Tile['id'], fields: Partial<Snapshot>): Tile {
  const data = makeSnapshot(fields);
  const found = tilesOf(makeHost(fields), data, data.runs, now).find((one) => one.id === id);
  assert.ok(found);
  return found;
}

describe('tilesOf', () => {
  it('says the worst health, and that nothing is known where nothing was looked at', () => {
    const findings = [makeFinding(), makeFinding({ level: 'warning', subject: '/var' })];
    const warned = tile('health', { reports: [makeReport({ at: ago(3 * minute), findings })] });
    assert.deepEqual(
      [warned.value, warned.tone, warned.detail],
      ['Warning', 'warning', '1 problem in 2 findings · looked 3 min ago'],
    );
    assert.deepEqual([tile('health', {}).value, tile('health', {}).tone], ['Unknown', 'muted']);
    assert.equal(tile('health', { reports: [makeReport()] }).value, 'All well');
  });

  it('counts all open alerts and names the worst that fires; acknowledged and held ones alarm nobody', () => {
    const firing = makeAlert({ title: 'disk full', since: ago(10 * minute) });
    const seen = makeAlert({ id: 'b', state: 'acknowledged' });
    const held = makeAlert({ id: 'c', held: true });
    const all = tile('alerts', { alerts: [held, seen, firing, makeAlert({ id: 'd', state: 'resolved' })] });
    assert.deepEqual([all.value, all.tone], ['3', 'bad']);
    assert.equal(all.detail, 'disk full, 10 min ago · 1 acknowledged · 1 held by a window');
    const calm = tile('alerts', { alerts: [seen, held] });
    assert.deepEqual([calm.value, calm.tone], ['2', 'muted']);
    assert.deepEqual([tile('alerts', {}).value, tile('alerts', {}).tone], ['None', 'good']);
  });

  it('names the task that runs next, not one that is refused, and says what runs now', () => {
    const tasks = [
      makeTask({ name: 'late', nextRun: ahead(60 * minute) }),
      makeTask({ name: 'refused', nextRun: ahead(minute), problem: 'no script' }),
      makeTask({ name: 'soon', nextRun: ahead(12 * minute) }),
    ];
    const next = tile('next', { tasks, runs: [makeRun({ state: 'running', outcome: null })] });
    assert.deepEqual([next.value, next.tone], ['soon', 'busy']);
    assert.match(next.detail, /^in 12 min, at \d\d:\d\d · 1 run under way$/);
    assert.match(tile('next', { tasks: [makeTask({ nextRun: ago(2000) })] }).detail, /^due now/);
    assert.equal(tile('next', {}).value, 'None planned');
  });

  it('shows the time left of the open window that ends first, how much of it is over, and its ends', () => {
    const later = makeWindow({ id: 'later', title: 'Later', endsAt: ahead(90 * minute) });
    const open = tile('window', { windows: [later, makeWindow({ heldAlerts: 2 })] });
    assert.deepEqual([open.value, open.tone, open.share], ['42 min left', 'busy', 0.3]);
    assert.match(open.detail, /^Vacuum · until \d\d:\d\d · 2 alerts held$/);
    assert.deepEqual(
      open.actions.map((action) => action.command),
      [
        { name: 'extendWindow', host: 'db-01', windowId: 'window-1' },
        { name: 'endWindow', host: 'db-01', windowId: 'window-1' },
      ],
    );
  });

  it('warns of a window over its time and of a mode that could not be switched', () => {
    const over = tile('window', { windows: [makeWindow({ state: 'overrun', endsAt: ago(5 * minute) })] });
    assert.deepEqual([over.value, over.tone, over.share], ['5 min over its time', 'warning', 1]);
    const mode = { flagFile: '/flag', on: false, problem: 'permission denied' };
    const stuck = tile('window', { windows: [makeWindow({ mode })] });
    assert.deepEqual([stuck.tone, stuck.detail], ['warning', 'Vacuum · maintenance mode: permission denied']);
  });

  it('announces the next window, and offers to start one', () => {
    const coming = makeWindow({ state: 'scheduled', startsAt: ahead(180 * minute), endsAt: ahead(240 * minute) });
    const tiles = [
      tile('window', { windows: [coming] }),
      tile('window', { windows: [makeWindow({ state: 'closed' })] }),
    ];
    assert.deepEqual(
      tiles.map((one) => one.value),
      ['In 3 h', 'None open'],
    );
    for (const one of tiles) assert.deepEqual(one.actions[0]?.command, { name: 'startWindow', host: 'db-01' });
  });
});
