import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, watch } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventBus } from '../../agent/events.ts';
import type { Clock } from '../../agent/schedule/clock.ts';
import { systemClock } from '../../agent/schedule/clock.ts';
import { verifyAudit } from '../../agent/store/audit.ts';
import { Database } from '../../agent/store/database.ts';
import { getWindow } from '../../agent/store/documents.ts';
import { Windows, type OpenRequest } from '../../agent/window/windows.ts';
import { killLeft, processesOf } from '../leftovers.ts';
import { silent } from '../run/harness.ts';
import { FakeClock } from '../schedule/fakeClock.ts';

const minute = 60_000;

describe('Windows', () => {
  let folder: string;
  let flag: string;
  let unknown: string | null;
  let database: Database;
  let clock: FakeClock;
  let closed: number;
  const open: Windows[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'upkeep-window-'));
    flag = join(folder, 'www', 'maintenance.flag');
    unknown = null;
    database = new Database(':memory:');
    // The guard is a real process and looks at the real clock; hence a fake one that starts now.
    clock = new FakeClock(new Date().toISOString());
    closed = 0;
  });
  afterEach(async () => {
    for (const windows of open.splice(0)) {
      for (const window of windows.active()) windows.end(window.id, 'teardown', null);
      windows.stop();
    }
    database.close();
    // A guard that is at its last act would make the folder anew.
    await killLeft(() => processesOf(folder));
    rmSync(folder, { recursive: true });
  });

  const make = (time: Clock = clock): Windows => {
    const windows = new Windows({
      database,
      events: new EventBus(database, () => time.now()),
      clock: time,
      log: silent,
      directory: folder,
      flagFile: () => (unknown === null ? { file: flag, problem: null } : { file: null, problem: unknown }),
      runPlan: (window, onStarted) => {
        for (const [index] of window.plan.entries()) onStarted(`run-${index}`);
      },
      onClosed: () => {
        closed += 1;
      },
    });
    open.push(windows);
    windows.start();
    return windows;
  };
  const request = (more: Partial<OpenRequest> = {}): OpenRequest => ({
    requestId: 'request-1',
    title: null,
    reason: 'VACUUM FULL orders',
    minutes: 30,
    plan: [],
    actor: 'alice',
    ...more,
  });

  it('puts the flag file there with the reason, and takes it away when it ends by itself', () => {
    const windows = make();
    const window = windows.open(request());
    assert.deepEqual(window.mode, { flagFile: flag, on: true, problem: null });
    assert.equal(readFileSync(flag, 'utf8'), 'Maintenance: VACUUM FULL orders\n');
    clock.advance(29 * minute);
    assert.equal(existsSync(flag), true);
    clock.advance(minute);
    assert.equal(existsSync(flag), false);
    const ended = getWindow(database, window.id);
    assert.deepEqual([ended?.state, ended?.closedReason, ended?.mode.on], ['closed', 'its time was up', false]);
    assert.equal(closed, 1);
  });

  it('opens without maintenance mode, and says so, where nobody knows which flag file is meant', () => {
    unknown = 'there is a mistake in mode.flag_file';
    const windows = make();
    const window = windows.open(request());
    assert.deepEqual(window.mode, { flagFile: null, on: false, problem: unknown });
    windows.extend(window.id, 1, 'bob');
    clock.advance(31 * minute);
    assert.deepEqual([getWindow(database, window.id)?.state, windows.active()], ['closed', []]);
    assert.deepEqual(readdirSync(folder), []);
  });

  it('is extended and ended in one step each, and every step is audited', () => {
    const windows = make();
    const window = windows.open(request());
    windows.extend(window.id, 60, 'bob');
    clock.advance(80 * minute);
    assert.equal(windows.active().length, 1);
    const ended = windows.end(window.id, 'bob', 'done early');
    assert.equal(ended.closedReason, 'ended by bob: done early');
    assert.equal(existsSync(flag), false);
    assert.throws(() => windows.end(window.id, 'bob', null), /already closed/);
    assert.throws(() => windows.extend('win-none', 1, 'bob'), /There is no window/);
    assert.deepEqual(verifyAudit(database), { entries: 3, brokenAt: null });
  });

  it('is one window for a request that comes twice', () => {
    const windows = make();
    assert.equal(windows.open(request()).id, windows.open(request()).id);
  });

  it('keeps mode on until the last of two overlapping windows ends', () => {
    const windows = make();
    const first = windows.open(request());
    const second = windows.open(request({ requestId: 'request-2', minutes: 60 }));
    windows.end(first.id, 'alice', null);
    assert.equal(existsSync(flag), true);
    windows.end(second.id, 'alice', null);
    assert.equal(existsSync(flag), false);
  });

  it('is closed by the next agent when its time was up meanwhile', () => {
    const first = make();
    const window = first.open(request());
    first.stop();
    clock.step(31 * minute);
    make();
    const ended = getWindow(database, window.id);
    assert.equal(ended?.closedReason, 'its time was up while the agent was down');
    assert.equal(existsSync(flag), false);
  });

  it('is taken up by the next agent while it still holds', () => {
    const first = make();
    first.open(request());
    first.stop();
    const second = make();
    assert.equal(second.active().length, 1);
    clock.advance(31 * minute);
    assert.equal(existsSync(flag), false);
  });

  it('is taken off by the guard when no agent is left', async function () {
    this.timeout(60_000);
    const windows = make(systemClock);
    windows.open(request({ minutes: 1 / 60 }));
    windows.stop();
    const watcher = watch(join(folder, 'www'));
    while (existsSync(flag)) await once(watcher, 'change');
    watcher.close();
    assert.equal(existsSync(flag), false);
  });

  it('says so when mode can not be switched on', () => {
    flag = '/proc/nowhere/maintenance.flag';
    const window = make().open(request());
    assert.equal(window.mode.on, false);
    assert.match(window.mode.problem ?? '', /could not be switched on/);
  });

  it('notes the runs of its plan', () => {
    const window = make().open(request({ plan: ['one', 'two'] }));
    assert.deepEqual(getWindow(database, window.id)?.planRuns, ['run-0', 'run-1']);
  });

  it('tell children of the one that ends last, and nothing when none is open', () => {
    const windows = make();
    assert.deepEqual(windows.environment(), {});
    windows.open(request());
    const last = windows.open(request({ requestId: 'request-2', minutes: 60 }));
    assert.deepEqual(windows.environment(), { UPKEEP_WINDOW: last.id, UPKEEP_WINDOW_ENDS: last.endsAt });
    clock.advance(61 * minute);
    assert.deepEqual(windows.environment(), {});
  });
});
