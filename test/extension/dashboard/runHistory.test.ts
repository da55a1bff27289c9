import assert from 'node:assert/strict';
import type { Run } from '../../../agent/protocol/nouns.ts';
import { RunHistory, type ListRuns } from '../../../extension/dashboard/runHistory.ts';
import type { HostView } from '../../../extension/state/host.ts';
import { ago, makeHost, makeRun, now } from '../nouns.ts';

const minute = 60_000;
const day = 24 * 60 * minute;

function runsEvery(minutes: number, count: number): Run[] {
  return Array.from({ length: count }, (_, index) => {
    const at = ago((index + 1) * minutes * minute);
    return makeRun({ id: `run-${index}`, queuedAt: at, startedAt: at, endedAt: at });
  });
}

/** An agent that has these runs, and what it was asked. */
function harness(stored: () => readonly Run[]) {
  const asked: Parameters<ListRuns>[1][] = [];
  const warnings: string[] = [];
  const arrivals: (() => void)[] = [];
  const list: ListRuns = (_, params) => {
    asked.push(params);
    const { before = '9', limit = 50 } = params;
    return Promise.resolve({ runs: [...stored()].filter((run) => run.queuedAt < before).slice(0, limit) });
  };
  const log = {
    info: () => undefined,
    debug: () => undefined,
    error: () => undefined,
    warn: (text: string) => void warnings.push(text),
  };
  const history = new RunHistory(list, day, log, () => {
    for (const arrived of arrivals.splice(0)) arrived();
  });
  const arrival = (): Promise<void> => new Promise((resolve) => arrivals.push(resolve));
  return { history, asked, warnings, arrival };
}
function online(runs: Run[], attempt = 1, view: Partial<HostView> = {}): HostView {
  return makeHost({ runs }, { connection: { kind: 'online', attempt, failures: 0, since: 0 }, ...view });
}
const ids = (runs: readonly Run[]): string[] => runs.map((run) => run.id);

describe('RunHistory', () => {
  it('gives what the data holds at once, and the rest of the day when it has come', async () => {
    const stored = runsEvery(60, 30);
    const { history, asked, arrival } = harness(() => stored);
    const host = online(stored.slice(0, 5));
    const arrived = arrival();
    assert.equal(history.runsOf(host, now).length, 5);
    await arrived;
    assert.deepEqual(ids(history.runsOf(host, now)), ids(stored.slice(0, 24)));
    assert.equal(asked.length, 1);
  });

  it('asks page after page until the day is complete', async () => {
    const stored = runsEvery(1, 2000);
    const { history, asked, arrival } = harness(() => stored);
    const host = online([]);
    for (let page = 0; page < 3; page += 1) {
      const arrived = arrival();
      history.runsOf(host, now);
      await arrived;
    }
    assert.equal(history.runsOf(host, now).length, 1440);
    assert.deepEqual(
      asked.map((one) => one.before ?? null),
      [null, stored[499]?.queuedAt, stored[999]?.queuedAt],
    );
  });

  it('asks again after a reconnection, not with every event', async () => {
    const stored = runsEvery(60, 3);
    const { history, asked, arrival } = harness(() => stored);
    const arrived = arrival();
    history.runsOf(online(stored), now);
    await arrived;
    history.runsOf(online(stored), now);
    assert.equal(asked.length, 1);
    history.runsOf(online(stored, 2), now);
    assert.equal(asked.length, 2);
  });

  it('keeps what the data drops, and believes the data of a run more than an older answer', async () => {
    const running = makeRun({ id: 'open', state: 'running', outcome: null, queuedAt: ago(minute), endedAt: null });
    const { history, arrival } = harness(() => [running]);
    const ended = { ...running, state: 'ended' as const, outcome: 'failed' as const, endedAt: ago(0) };
    const arrived = arrival();
    history.runsOf(online([ended]), now);
    await arrived;
    assert.equal(history.runsOf(online([ended]), now)[0]?.outcome, 'failed');
    assert.deepEqual(ids(history.runsOf(online([]), now)), ['open']);
  });

  it('forgets runs older than a day, a host that is gone, and runs of a store that was made anew', async () => {
    const stored = runsEvery(60, 20);
    const { history, arrival } = harness(() => stored);
    const arrived = arrival();
    history.runsOf(online([]), now);
    await arrived;
    const later = new Date(now.getTime() + 12 * 60 * minute);
    assert.equal(history.runsOf(online([]), later).length, 12);
    const anew = makeHost({ epoch: 'epoch-2', runs: [makeRun({ id: 'first' })] });
    assert.deepEqual(ids(history.runsOf(anew, now)), ['first']);
    history.retain(new Set());
    assert.deepEqual(ids(history.runsOf({ ...anew, connection: { kind: 'idle', attempt: 0 }, data: null }, now)), []);
  });

  it('goes on with what the data holds when the agent does not answer, and says so in the log', async () => {
    const warnings: string[] = [];
    const told = new Promise<void>((resolve) => {
      const log = {
        info: () => undefined,
        debug: () => undefined,
        error: () => undefined,
        warn: (text: string) => {
          warnings.push(text);
          resolve();
        },
      };
      const history = new RunHistory(
        () => Promise.reject(new Error('gone')),
        day,
        log,
        () => undefined,
      );
      assert.deepEqual(ids(history.runsOf(online([makeRun()]), now)), ['run-1']);
    });
    await told;
    assert.deepEqual(warnings, ['runs of db-01 can not be read: gone']);
  });
});
