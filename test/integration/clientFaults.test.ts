/** Clients that stall, vanish, die or come all at once, and what the agent and the other clients notice of it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { connect } from '../../agent/cli/client.ts';
import { maxOutputBytes, oldestProtocol, protocolVersion } from '../../agent/protocol/methods.ts';
import { AgentClient } from '../../extension/client/agentClient.ts';
import { dial } from '../../extension/client/transport.ts';
import { HostStore } from '../../extension/state/hostStore.ts';
import { AgentWorld, endOf, entry } from './agentProcess.ts';
import { descriptorsOf, full, megabytes, peakOf, tell } from './measure.ts';

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined, debug: () => undefined };

describe('clients under faults', function () {
  this.timeout(full ? 300_000 : 120_000);
  let world: AgentWorld;
  beforeEach(() => {
    world = new AgentWorld();
  });
  afterEach(async () => {
    await world.dispose();
  });

  const tcp = ['--listen', '127.0.0.1:0'];
  const write = (...tasks: readonly string[]): void => {
    world.write(
      `maintenance:\n  checks: []\n  automated_tasks:\n${tasks.map((task) => `    - { ${task} }\n`).join('')}`,
    );
  };
  /** An editor's own client, with its back-off. */
  const editor = (url: () => string, token: string, random = Math.random): AgentClient =>
    new AgentClient({
      name: 'host',
      clientName: 'test/1',
      dial: () => Promise.resolve(dial({ scheme: 'ws', url: url() }, token)),
      sink: new HostStore(silent),
      log: silent,
      random,
    });

  const [parts, partBytes, pause] = full ? [60, 3_500_000, '1'] : [10, 4_000_000, '0.1'];
  const bytes = parts * partBytes;
  it(`F16: fifty clients that read nothing while ${Math.round(bytes / 1e6)} MB stream cost the agent little, and others nothing`, async () => {
    world.script(
      'stream.sh',
      `i=0; while [ $i -lt ${parts} ]; do i=$((i+1)); head -c ${partBytes} /dev/zero | tr '\\0' x; echo '{"type":"progress","done":'$i',"message":"part"}' >> "$UPKEEP_RESULTS"; sleep ${pause}; done`,
    );
    write('name: stream, script: stream.sh, output_limit: 300MiB');
    const { client, pid } = await world.start();
    const { run } = await client.request('tasks.run', { task: 'stream', requestId: randomUUID() });
    const { epoch } = await client.request('snapshot', {});
    const before = { memory: peakOf(pid), descriptors: descriptorsOf(pid) };
    const stalled = await Promise.all(Array.from({ length: 50 }, () => stalledClient(world.socket, epoch, run.id)));
    const other = await connect({ socket: world.socket });
    let [offset, slowest] = [0, 0];
    for (let over = false; !over;) {
      const asked = performance.now();
      const piece = await other.request('runs.output', { runId: run.id, offset });
      slowest = Math.max(slowest, performance.now() - asked);
      assert.equal(Buffer.from(piece.text, piece.encoding).equals(Buffer.alloc(piece.nextOffset - offset, 'x')), true);
      offset = piece.nextOffset;
      over = piece.ended && offset >= piece.size;
      if (!over && offset >= piece.size) await other.request('runs.output', { runId: run.id, offset, wait: true });
    }
    assert.equal(offset, bytes);
    assert.equal((await endOf(other, run.id)).outcome, 'changed');
    const grown = peakOf(pid) - before.memory;
    tell(
      `50 stalled clients, ${Math.round(bytes / 1e6)} MB: agent grew by ${megabytes(grown)} at most, slowest answer to another ${slowest.toFixed(0)} ms`,
    );
    assert.ok(grown < 100 * 2 ** 20, `the agent has grown by ${grown} bytes`);
    const closed = stalled.map(async (socket) => {
      const end = once(socket, 'close');
      socket.terminate();
      await end;
    });
    await Promise.all([...closed, other.close()]);
    while (descriptorsOf(pid) > before.descriptors) await client.request('snapshot', {});
  });

  it('F19: a hundred editors are back after a kill of the agent, at moments of their own', async () => {
    write();
    const first = await world.start(tcp);
    const token = await world.token('viewer');
    const address = first.listen ?? '';
    const editors = Array.from({ length: 100 }, () => editor(() => `ws://${address}/`, token));
    const delays: number[] = [];
    try {
      for (const one of editors) one.start();
      await Promise.all(editors.map((one) => one.whenOnline()));
      for (const one of editors) {
        const off = one.onDidChange((state) => {
          if (state.kind === 'waiting') delays.push(state.retryAt - Date.now());
          off();
        });
      }
      await first.stop('SIGKILL');
      const begun = performance.now();
      const { client } = await world.start(['--listen', address]);
      const ready = performance.now() - begun;
      await Promise.all(editors.map((one) => one.whenOnline()));
      tell(
        `100 editors online ${((performance.now() - begun - ready) / 1000).toFixed(1)} s after the agent was ready again`,
      );
      assert.equal(delays.length, 100);
      assert.ok(new Set(delays).size > 50, `only ${new Set(delays).size} different delays`);
      assert.ok(delays.every((delay) => delay <= 500));
      await client.request('snapshot', {});
    } finally {
      for (const one of editors) one.stop();
    }
  });

  it('F20: a runbook whose client dies is seen, and cancelled, by another one, and nothing of it runs twice', async () => {
    write();
    const log = join(world.folder, 'log');
    const book = join(world.folder, 'book.md');
    writeFileSync(
      book,
      `# Steps\n\n\`\`\`sh\necho first >> "${log}"\n\`\`\`\n\n\`\`\`sh\necho second >> "${log}"; sleep 300\n\`\`\`\n\n\`\`\`sh\necho third >> "${log}"\n\`\`\`\n`,
    );
    const agent = await world.start();
    const watcher = watch(world.folder);
    const dying = spawn(process.execPath, [entry, 'runbook', 'run', book, '--yes', '--socket', world.socket], {
      stdio: 'ignore',
    });
    while (!existsSync(log) || !readFileSync(log, 'utf8').includes('second')) await once(watcher, 'change');
    watcher.close();
    const gone = once(dying, 'exit');
    dying.kill('SIGKILL');
    await gone;
    const second = await connect({ socket: world.socket });
    const { runs } = await second.request('snapshot', {});
    assert.deepEqual(
      runs.map(({ kind, state, outcome }) => [kind, state, outcome]),
      [
        ['block', 'running', null],
        ['block', 'ended', 'changed'],
      ],
    );
    const open = runs[0] ?? assert.fail();
    const { run } = await second.request('runs.cancel', { runId: open.id, reason: 'its client died' });
    const ended = run.state === 'ended' ? run : await endOf(second, open.id);
    assert.equal(ended.outcome, 'cancelled');
    await second.close();
    const resumed = await world.command(['runbook', 'run', book, '--block', '2', '--yes', '--socket', world.socket]);
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.equal(readFileSync(log, 'utf8'), 'first\nsecond\nthird\n');
    assert.equal((await agent.client.request('runs.list', {})).runs.length, 3);
  });
});

/** A client that has subscribed, has asked twenty times for as much output as it may, and never reads again. */
async function stalledClient(socketPath: string, epoch: string, runId: string): Promise<WebSocket> {
  const socket = new WebSocket(`ws+unix:${socketPath}:/`, { perMessageDeflate: false });
  socket.on('error', () => undefined);
  await once(socket, 'open');
  const ask = (id: number, method: string, params: object): void => {
    socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
  };
  ask(0, 'hello', { client: 'stalled', protocol: protocolVersion, oldestProtocol });
  await once(socket, 'message');
  socket.pause();
  ask(1, 'events.subscribe', { epoch, after: 0 });
  // More than the agent lets one connection wait for.
  for (let id = 2; id < 252; id += 1) ask(id, 'runs.output', { runId, offset: 0, limit: maxOutputBytes, wait: true });
  return socket;
}
