import assert from 'node:assert/strict';
import { keptRunsPerTask } from '../../../extension/state/hostData.ts';
import { HostStore } from '../../../extension/state/hostStore.ts';
import { makeAlert, makeReport, makeRun, makeSnapshot, makeTask, makeWindow, ago } from '../nouns.ts';

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined, debug: () => undefined };

function storeWith(fields: Parameters<typeof makeSnapshot>[0] = {}): HostStore {
  const store = new HostStore(silent);
  store.reset(makeSnapshot({ seq: 10, ...fields }));
  return store;
}
function event(seq: number, type: string, data: unknown): { seq: number; at: string; type: string; data: unknown } {
  return { seq, at: '2026-03-01T12:00:01.000Z', type, data };
}

describe('HostStore', () => {
  it('applies the event that follows and leaves the former state as it was', () => {
    const store = storeWith({ alerts: [makeAlert()] });
    const before = store.data;
    const acknowledged = makeAlert({ state: 'acknowledged', acknowledgedBy: 'alice' });
    assert.equal(store.receive(event(11, 'alert.changed', { alert: acknowledged })), 'applied');
    assert.equal(before?.alerts[0]?.state, 'firing');
    assert.equal(store.data?.alerts[0]?.state, 'acknowledged');
    assert.deepEqual(store.cursor(), { epoch: 'epoch-1', seq: 11 });
  });

  it('ignores duplicates and older events', () => {
    const store = storeWith();
    const before = store.data;
    assert.equal(store.receive(event(10, 'alert.changed', { alert: makeAlert() })), 'duplicate');
    assert.equal(store.receive(event(3, 'alert.changed', { alert: makeAlert() })), 'duplicate');
    assert.equal(store.data, before);
  });

  it('reports a gap and stays where it is when a number is missing, out of order, or there is no snapshot yet', () => {
    const store = storeWith();
    const before = store.data;
    assert.equal(store.receive(event(12, 'alert.changed', { alert: makeAlert() })), 'gap');
    assert.equal(store.data, before);
    assert.equal(new HostStore(silent).receive(event(1, 'alert.changed', { alert: makeAlert() })), 'gap');
  });

  it('reports a gap for an event of a known type that can not be read', () => {
    assert.equal(storeWith().receive(event(11, 'run.changed', { run: {} })), 'gap');
  });

  it('tells what was and what is', () => {
    const store = storeWith();
    const changes: string[] = [];
    store.onDidChange(({ previous, next }) => changes.push(`${previous?.seq ?? 'none'} → ${next.seq}`));
    store.receive(event(11, 'report.removed', { id: 'check:health' }));
    store.reset(makeSnapshot({ seq: 20 }));
    assert.deepEqual(changes, ['10 → 11', '11 → 20']);
  });

  it('keeps the newest runs of each task and every open one', () => {
    const store = storeWith({ runs: [makeRun({ id: 'open', state: 'running', outcome: null, queuedAt: ago(9e9) })] });
    for (let number = 0; number < keptRunsPerTask + 5; number += 1) {
      const run = makeRun({ id: `run-${number}`, queuedAt: ago(1e9 - number * 1000) });
      store.receive(event(11 + number, 'run.changed', { run }));
    }
    assert.equal(store.data?.runs.length, keptRunsPerTask + 1);
    assert.equal(store.data.runs[0]?.id, `run-${keptRunsPerTask + 4}`);
    assert.equal(store.data.runs.at(-1)?.id, 'open');
  });

  it('moves the progress of open runs only', () => {
    const store = storeWith({ runs: [makeRun({ id: 'a', state: 'running' }), makeRun({ id: 'b' })] });
    store.receive(event(11, 'run.progress', { runId: 'a', progress: { done: 3, total: 10 } }));
    store.receive(event(12, 'run.progress', { runId: 'b', progress: { done: 3, total: 10 } }));
    assert.deepEqual(
      store.data?.runs.map((run) => run.progress?.done ?? null),
      [3, null],
    );
  });

  it('follows tasks, configuration, reports, windows, runbooks and the agent itself', () => {
    const store = storeWith({ reports: [makeReport()] });
    store.receive(event(11, 'tasks.changed', { tasks: [makeTask()] }));
    store.receive(event(12, 'report.changed', { report: makeReport({ outcome: 'warning' }) }));
    store.receive(event(13, 'window.changed', { window: makeWindow() }));
    store.receive(event(14, 'runbooks.changed', { runbooks: [] }));
    store.receive(event(15, 'agent.started', { startedAt: '2026-03-01T12:00:00.000Z', version: '0.2.0' }));
    store.receive(event(16, 'config.changed', { config: { ...makeSnapshot().config, stale: true } }));
    const data = store.data;
    assert.deepEqual(
      [
        data?.tasks.length,
        data?.reports[0]?.outcome,
        data?.windows.length,
        data?.host.agentVersion,
        data?.config.stale,
      ],
      [1, 'warning', 1, '0.2.0', true],
    );
  });
});
