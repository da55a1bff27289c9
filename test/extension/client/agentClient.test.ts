import assert from 'node:assert/strict';
import { closeCodes } from '../../../agent/protocol/errors.ts';
import { AgentClient } from '../../../extension/client/agentClient.ts';
import type { ConnectionState } from '../../../extension/client/connectionState.ts';
import { AgentError, BadAnswerError, NotConnectedError } from '../../../extension/client/errors.ts';
import { dial } from '../../../extension/client/transport.ts';
import { HostStore } from '../../../extension/state/hostStore.ts';
import { makeAlert, makeRun } from '../nouns.ts';
import { AgentDouble } from './agentDouble.ts';

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined, debug: () => undefined };

interface Side {
  readonly client: AgentClient;
  readonly store: HostStore;
  /** Resolves when the connection is in this state. */
  readonly reach: (kind: ConnectionState['kind']) => Promise<ConnectionState>;
  /** Resolves when the store has this event. */
  readonly reachSeq: (seq: number) => Promise<void>;
}

describe('AgentClient', () => {
  let agent: AgentDouble;
  const clients: AgentClient[] = [];

  beforeEach(async () => {
    agent = await AgentDouble.start();
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.stop();
    await agent.stop();
  });

  function connect(token: string | null = null): Side {
    const store = new HostStore(silent);
    const client = new AgentClient({
      name: 'db-01',
      clientName: 'test/1',
      dial: () => Promise.resolve(dial({ scheme: 'ws', url: agent.url }, token)),
      sink: store,
      log: silent,
      random: () => 0,
    });
    clients.push(client);
    client.start();
    const reach = (kind: ConnectionState['kind']): Promise<ConnectionState> =>
      new Promise((resolve) => {
        if (client.state.kind === kind) resolve(client.state);
        const end = client.onDidChange((state) => {
          if (state.kind !== kind) return;
          end();
          resolve(state);
        });
      });
    const reachSeq = (seq: number): Promise<void> =>
      new Promise((resolve) => {
        if ((store.data?.seq ?? -1) >= seq) resolve();
        const end = store.onDidChange(({ next }) => {
          if (next.seq < seq) return;
          end();
          resolve();
        });
      });
    return { client, store, reach, reachSeq };
  }

  it('says hello, takes a snapshot and subscribes after it', async () => {
    agent.emit('alert.changed', { alert: makeAlert() });
    const { reach, store, client } = connect();
    await reach('online');
    assert.deepEqual(
      agent.requests.map((request) => request.method),
      ['hello', 'snapshot', 'events.subscribe'],
    );
    assert.equal(agent.requests[2]?.params['after'], 1);
    assert.equal(store.data?.seq, 1);
    assert.equal(client.hello?.role, 'admin');
  });

  it('applies 1,000 numbered events once each, in order, over connections cut at random', async () => {
    const { client, store, reach, reachSeq } = connect();
    await reach('online');
    const seen: string[] = [];
    let snapshots = 0;
    store.onDidChange(({ previous, next }) => {
      if (next.seq !== (previous?.seq ?? 0) + 1) snapshots += 1;
      else seen.push(next.runs[0]?.actor ?? '');
    });
    client.onDidChange((state) => {
      if (state.kind === 'waiting')
        setImmediate(() => {
          client.reconnect();
        });
    });
    let random = 12345;
    let cuts = 0;
    for (let number = 1; number <= 1000; number += 1) {
      agent.emit('run.changed', { run: makeRun({ actor: String(number) }) });
      random = (random * 1103515245 + 12345) % 2147483648;
      if (random % 100 < 6) {
        agent.cut();
        cuts += 1;
      }
      if (random % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
      if (random % 41 === 0) await reach('online');
    }
    await reachSeq(1000);
    assert.ok(cuts > 30, `only ${cuts} cuts`);
    assert.equal(snapshots, 0);
    assert.deepEqual(
      seen,
      Array.from({ length: 1000 }, (_, index) => String(index + 1)),
    );
  });

  it('takes a snapshot as large as an agent may send', async () => {
    agent.snapshotFields = { alerts: Array.from({ length: 20 }, () => makeAlert({ message: 'x'.repeat(100_000) })) };
    const { reach, store } = connect();
    await reach('online');
    assert.equal(store.data?.alerts.length, 20);
  });

  it('takes a snapshot when the agent no longer has the events in between', async () => {
    const { store, reach, reachSeq, client } = connect();
    await reach('online');
    agent.cut();
    await reach('waiting');
    for (let number = 1; number <= 5; number += 1) agent.emit('alert.changed', { alert: makeAlert() });
    agent.forgotten = 3;
    agent.snapshotFields = { alerts: [makeAlert({ title: 'from the snapshot' })] };
    client.reconnect();
    await reachSeq(5);
    assert.equal(store.data?.alerts[0]?.title, 'from the snapshot');
  });

  it('takes a snapshot when the store of the agent was made anew', async () => {
    agent.emit('alert.changed', { alert: makeAlert() });
    const { store, reach, client } = connect();
    await reach('online');
    agent.epoch = 'epoch-2';
    agent.events.length = 0;
    agent.cut();
    await reach('waiting');
    client.reconnect();
    await reach('online');
    assert.equal(store.data?.epoch, 'epoch-2');
    assert.equal(store.data.seq, 0);
  });

  it('takes a snapshot when a number is missing or an event can not be read', async () => {
    const { store, reach, reachSeq } = connect();
    await reach('online');
    agent.events.push({ seq: 1, at: '2026-03-01T12:00:00.000Z', type: 'alert.changed', data: { alert: 'nonsense' } });
    agent.emit('alert.changed', { alert: makeAlert({ title: 'later' }) });
    agent.snapshotFields = { alerts: [makeAlert({ title: 'from the snapshot' })] };
    await reachSeq(2);
    assert.equal(store.data?.alerts[0]?.title, 'from the snapshot');
    agent.emit('alert.changed', { alert: makeAlert({ title: 'live again' }) });
    await reachSeq(3);
    assert.equal(store.data.alerts[0].title, 'live again');
  });

  it('keeps the number of an event whose type it does not know', async () => {
    const { store, reach, reachSeq } = connect();
    await reach('online');
    agent.emit('moon.changed', {});
    agent.emit('alert.changed', { alert: makeAlert() });
    await reachSeq(2);
    assert.equal(store.data?.alerts.length, 1);
    assert.equal(agent.requests.filter((request) => request.method === 'snapshot').length, 1);
  });

  it('sends the token as a header and gives up when it is refused', async () => {
    let authorization: unknown;
    agent.refuse = (headers) => {
      authorization = headers['authorization'];
      return 401;
    };
    const { reach, client } = connect('secret-token');
    const state = await reach('failed');
    assert.equal(authorization, 'Bearer secret-token');
    assert.ok(state.kind === 'failed' && state.problem.code === 401);
    await assert.rejects(client.request('snapshot', {}), /db-01 is not connected: the agent refused the token/);
  });

  it('gives up when the agent revokes the token, and waits when it goes away', async () => {
    const first = connect();
    await first.reach('online');
    agent.close(closeCodes.goingAway, 'restart');
    assert.equal((await first.reach('waiting')).kind, 'waiting');
    first.client.reconnect();
    await first.reach('online');
    agent.close(closeCodes.tokenRevoked, 'the token was revoked');
    const state = await first.reach('failed');
    assert.ok(state.kind === 'failed' && state.problem.message === 'the token was revoked');
  });

  it('gives up when hello says that the versions do not fit', async () => {
    agent.answers.set('hello', () => ({ error: { code: 1002, message: 'this agent speaks protocol 9: update' } }));
    const { reach } = connect();
    const state = await reach('failed');
    assert.ok(state.kind === 'failed' && state.problem.message.includes('protocol 9'));
  });

  it('rejects requests that are under way when the connection breaks', async () => {
    agent.answers.set('runs.get', () => {
      agent.cut();
      return null;
    });
    const { client, reach } = connect();
    await reach('online');
    await assert.rejects(client.request('runs.get', { runId: 'x' }), NotConnectedError);
  });

  it("passes the agent's errors on, and refuses answers that do not fit the schema", async () => {
    agent.answers.set('runs.get', () => ({ error: { code: 1004, message: 'there is no run x' } }));
    agent.answers.set('runs.list', () => ({ result: { runs: [{ id: 1 }] } }));
    const { client, reach } = connect();
    await reach('online');
    await assert.rejects(
      client.request('runs.get', { runId: 'x' }),
      (error) => error instanceof AgentError && error.code === 1004 && error.message === 'there is no run x',
    );
    await assert.rejects(client.request('runs.list', {}), BadAnswerError);
  });

  it('abandons a request when its signal is aborted', async () => {
    agent.answers.set('runs.output', () => null);
    const { client, reach } = connect();
    await reach('online');
    const abort = new AbortController();
    const request = client.request(
      'runs.output',
      { runId: 'x', offset: 0, wait: true },
      { signal: abort.signal, timeoutMs: null },
    );
    abort.abort();
    await assert.rejects(request, { name: 'AbortError' });
  });

  it('closes the connection when it is sent something that is not JSON-RPC, and comes back', async () => {
    const { reach, client } = connect();
    await reach('online');
    agent.sendRaw('{"jsonrpc":"1.0"}');
    await reach('waiting');
    client.reconnect();
    await reach('online');
  });

  it('leaves no connection behind after stop', async () => {
    const { client, reach } = connect();
    await reach('online');
    client.stop();
    assert.equal(client.state.kind, 'idle');
    await assert.rejects(client.whenOnline(), NotConnectedError);
  });
});
