/** A connection of which one end has vanished without a word. Here with short heartbeats; UPKEEP_FULL=1 waits for those that ship. */
import assert from 'node:assert/strict';
import { connect } from '../../agent/cli/client.ts';
import { AgentClient } from '../../extension/client/agentClient.ts';
import { dial } from '../../extension/client/transport.ts';
import { HostStore } from '../../extension/state/hostStore.ts';
import { makeSnapshot } from '../extension/nouns.ts';
import { startHarness, type Harness } from '../server/harness.ts';
import { AgentWorld } from './agentProcess.ts';
import { CutProxy } from './cutProxy.ts';
import { descriptorsOf, full, tell } from './measure.ts';

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined, debug: () => undefined };

describe('a half-open connection (F17)', function () {
  this.timeout(full ? 300_000 : 60_000);
  let proxy: CutProxy;
  afterEach(async () => {
    await proxy.stop();
  });

  /** Both kinds of client through the proxy, which then freezes; resolves when both have noticed, with the seconds that took. */
  async function freezeBoth(
    token: string,
    limits: { readonly heartbeatMs?: number; readonly silenceMs?: number },
  ): Promise<readonly number[]> {
    const url = `ws://127.0.0.1:${proxy.port}/`;
    const editor = new AgentClient({
      name: 'host',
      clientName: 'test/1',
      dial: () => Promise.resolve(dial({ scheme: 'ws', url }, token)),
      sink: new HostStore(silent),
      log: silent,
      ...(limits.heartbeatMs === undefined ? {} : { heartbeatMs: limits.heartbeatMs }),
    });
    editor.start();
    await editor.whenOnline();
    const command = await connect(
      { url, token },
      limits.silenceMs === undefined ? {} : { silenceMs: limits.silenceMs },
    );
    const begun = performance.now();
    const seconds = (): number => (performance.now() - begun) / 1000;
    const lost = Promise.withResolvers<number>();
    editor.onDidChange((state) => {
      if (state.kind !== 'waiting') return;
      assert.match(state.problem.message, /does not answer any more/);
      lost.resolve(seconds());
      editor.stop();
    });
    proxy.freeze();
    return Promise.all([lost.promise, command.closed.then(seconds)]);
  }

  if (full) {
    it('F17: is found within a minute by agent, editor and command line, and its resources are freed', async () => {
      const world = new AgentWorld();
      try {
        world.write('maintenance:\n  checks: []\n');
        const agent = await world.start(['--listen', '127.0.0.1:0']);
        const made = await world.command(['token', 'create', '--role', 'viewer', '--state', world.state]);
        const before = descriptorsOf(agent.pid);
        const [host = '', port = ''] = (agent.listen ?? '').split(':');
        proxy = await CutProxy.start({ host, port: Number(port) });
        const begun = performance.now();
        const noticed = await freezeBoth(made.stdout.trim(), {});
        while (descriptorsOf(agent.pid) > before) await agent.client.request('snapshot', {});
        tell(
          `half-open: editor ${noticed[0]?.toFixed(0) ?? ''} s, command line ${noticed[1]?.toFixed(0) ?? ''} s, agent at most ${((performance.now() - begun) / 1000).toFixed(0)} s`,
        );
      } finally {
        await world.dispose();
      }
    });
  }

  it('F17: is found by both sides, and its session is freed', async () => {
    const harness: Harness = await startHarness({
      limits: { heartbeatMs: 100 },
      handlers: { snapshot: () => makeSnapshot({ epoch: 'epoch-1', seq: 0 }) },
    });
    try {
      proxy = await CutProxy.start({ host: '127.0.0.1', port: harness.port });
      const other = await harness.client('viewer');
      await freezeBoth('viewer-token', { heartbeatMs: 300, silenceMs: 1000 });
      const gone = Promise.withResolvers<undefined>();
      const look = setInterval(() => {
        if (harness.server.sessionCount() === 1) gone.resolve(undefined);
      }, 10);
      await gone.promise;
      clearInterval(look);
      assert.equal((await other.request('snapshot', {})).seq, 0);
    } finally {
      await harness.dispose();
    }
  });
});
