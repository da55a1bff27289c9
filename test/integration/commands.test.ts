import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { Duplex } from 'node:stream';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { AgentWorld, entry } from './agentProcess.ts';

describe('the command line', function () {
  this.timeout(60_000);
  let world: AgentWorld;
  beforeEach(() => {
    world = new AgentWorld();
    world.write('maintenance: {}\n');
  });
  afterEach(async () => {
    await world.dispose();
  });

  it('runs the blocks of a runbook in order and stops at the first that fails', async () => {
    const file = join(world.folder, 'restart.md');
    const blocks = [
      '```bash\necho one\n```',
      '```console\n$ echo not run\n```',
      '```sh\nfalse\n```',
      '```bash\necho three\n```',
    ];
    writeFileSync(file, `# Restart\n\n${blocks.join('\n\n')}\n`);
    await world.start();
    const all = await world.command(['runbook', 'run', file, '--yes', '--socket', world.socket]);
    assert.equal(all.code, 1);
    assert.match(all.stdout, /echo one\n\none\nrestart\.md #1: changed/);
    assert.match(all.stdout, /restart\.md #3: failed after [\d.]+ s \(exit code 1\)\n$/);
    const last = await world.command(['runbook', 'run', file, '--block', '3', '--yes', '--socket', world.socket]);
    assert.equal(last.code, 0);
    assert.match(last.stdout, /three\nrestart\.md #4: changed/);
    const wrong = await world.command(['runbook', 'run', file, '--block', '1', '--yes', '--socket', world.socket]);
    assert.equal(wrong.code, 2);
    const unasked = await world.command(['runbook', 'run', file, '--socket', world.socket]);
    assert.match(unasked.stderr, /say --yes/);
  });

  it('writes a script per procedure and leaves those of other people alone', async () => {
    const folder = join(world.folder, 'bin');
    const first = await world.command(['scripts', 'install', folder]);
    assert.equal(first.code, 0, first.stderr);
    const script = join(folder, 'check-certificates.sh');
    assert.match(readFileSync(script, 'utf8'), /exec upkeep check-certificates "\$@"\n$/);
    assert.equal(statSync(script).mode & 0o777, 0o755);
    writeFileSync(script, '#!/bin/sh\necho mine\n');
    const second = await world.command(['scripts', 'install', folder]);
    assert.equal(second.code, 2);
    assert.match(second.stderr, /check-certificates\.sh/);
    assert.equal(readFileSync(script, 'utf8'), '#!/bin/sh\necho mine\n');
  });

  it('carries the protocol over standard input and output', async () => {
    await world.start();
    const child = spawn(process.execPath, [entry, 'stdio', '--socket', world.socket], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const stream = Duplex.from({ readable: child.stdout, writable: child.stdin });
    const socket = new WebSocket('ws://localhost/', { createConnection: () => stream });
    await once(socket, 'open');
    const hello = { client: 'test', protocol: 1, oldestProtocol: 1 };
    socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'hello', params: hello }));
    const [answer] = (await once(socket, 'message')) as [Buffer];
    assert.match(answer.toString('utf8'), /"role":"admin"/);
    const exited = once(child, 'exit');
    socket.terminate();
    assert.deepEqual(await exited, [0, null]);
  });

  it('shows, stops, approves and refuses runs by hand', async () => {
    world.script('talk.sh', 'echo begun; sleep 600');
    world.script('quick.sh', 'echo approved');
    world.write(
      [
        'maintenance:',
        '  automated_tasks:',
        '    - { name: talk, script: talk.sh }',
        '    - { name: asked, script: quick.sh, approval: { required: 1 } }',
        '',
      ].join('\n'),
    );
    const { client } = await world.start();
    const upkeep = (...words: string[]): ReturnType<AgentWorld['command']> =>
      world.command([...words, '--socket', world.socket]);
    const talk = (await client.request('tasks.run', { task: 'talk', requestId: randomUUID() })).run;
    await client.request('runs.output', { runId: talk.id, offset: 0, wait: true });
    assert.deepEqual(await upkeep('output', talk.id), { code: 0, stdout: 'begun\n', stderr: '' });
    const following = upkeep('output', talk.id, '--follow');
    const cancelled = await upkeep('cancel', talk.id, '--reason', 'a test');
    assert.match(cancelled.stdout, /^talk: cancelled after [\d.]+ s \(.*unix:/);
    assert.match((await following).stdout, /^begun\n/);
    const again = await upkeep('cancel', talk.id);
    assert.deepEqual([again.code, again.stderr.includes('already ended')], [1, true]);

    const ask = async (): Promise<string> =>
      (await client.request('tasks.run', { task: 'asked', requestId: randomUUID() })).run.id;
    const refused = await upkeep('reject', await ask(), '--reason', 'not tonight');
    assert.match(refused.stdout, /^asked: cancelled .*refused by unix:.*: not tonight/);
    const approved = await ask();
    assert.match((await upkeep('approve', approved)).stdout, /is approved and goes on/);
    assert.equal((await upkeep('output', approved, '--follow')).stdout, 'approved\n');
  });
});
