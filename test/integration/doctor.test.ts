import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import * as z from 'zod';
import { finding, type Finding } from '../../agent/protocol/nouns.ts';
import { AgentWorld } from './agentProcess.ts';

const document = z.strictObject({
  procedure: z.literal('doctor'),
  outcome: z.enum(['unchanged', 'warning', 'failed']),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime(),
  findings: z.array(finding),
});

describe('upkeep doctor', function () {
  this.timeout(60_000);
  let world: AgentWorld;
  beforeEach(() => {
    world = new AgentWorld();
    world.script('hello.sh', 'echo hello');
  });
  afterEach(async () => {
    await world.dispose();
  });

  async function doctor(
    ...more: string[]
  ): Promise<{ readonly code: number | null; readonly findings: readonly Finding[]; readonly outcome: string }> {
    const args = [
      'doctor',
      '--json',
      '--config',
      world.config,
      '--state',
      world.state,
      '--socket',
      world.socket,
      ...more,
    ];
    const { code, stdout, stderr } = await world.command(args, { PATH: process.env['PATH'] });
    assert.equal(stderr, '');
    return { code, ...document.parse(JSON.parse(stdout)) };
  }
  const levelOf = (findings: readonly Finding[], code: string, subject?: string): string | undefined =>
    findings.find((item) => item.code === `doctor.${code}` && (subject === undefined || item.subject === subject))
      ?.level;
  const configured = (more = ''): void => {
    world.write(
      `maintenance:\n  automated_tasks:\n    - { name: hello, script: hello.sh }\n  checks: []\n  server: { listen: none }\n${more}`,
    );
  };

  it('finds a working installation well, and says what it looked at', async () => {
    configured();
    await world.start();
    const { code, findings } = await doctor();
    assert.equal(code, 0);
    for (const part of ['node', 'config', 'state', 'store', 'inotify', 'agent', 'port', 'script']) {
      assert.equal(levelOf(findings, part), 'ok', part);
    }
    for (const part of ['space', 'tool', 'unit', 'clock']) assert.notEqual(levelOf(findings, part), undefined, part);
  });

  it('tells an absent agent from a hanging one, and a missing folder', async () => {
    configured();
    const before = await doctor('--strict');
    assert.deepEqual([before.code, before.outcome], [3, 'warning']);
    assert.equal(levelOf(before.findings, 'state'), 'warning');
    assert.equal(levelOf(before.findings, 'agent'), 'warning');
    const agent = await world.start();
    const wrong = await doctor('--socket', join(world.folder, 'other.sock'));
    assert.equal(wrong.code, 1);
    assert.match(
      wrong.findings.find(({ code }) => code === 'doctor.agent')?.message ?? '',
      new RegExp(`pid ${agent.pid} does not answer`),
    );
  });

  it('finds what lets others in or stops the agent from working', async () => {
    configured();
    await (await world.start()).stop();
    chmodSync(world.state, 0o755);
    truncateSync(join(world.state, 'upkeep.db'), 5000);
    chmodSync(join(world.folder, 'hello.sh'), 0o777);
    const other = createServer();
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    world.write(
      `maintenance:\n  automated_tasks:\n    - { name: hello, script: hello.sh }\n    - { name: none, script: none.sh }\n    - { name: wrong, schedule: "61 * * * *", script: hello.sh }\n  server: { listen: "127.0.0.1:${port}" }\n`,
    );
    const { code, findings, outcome } = await doctor();
    other.close();
    assert.deepEqual([code, outcome], [1, 'failed']);
    for (const part of ['state', 'store', 'config', 'port']) {
      assert.ok(
        findings.some(({ code: item, level }) => item === `doctor.${part}` && level === 'critical'),
        part,
      );
    }
    assert.equal(levelOf(findings, 'script', join(world.folder, 'hello.sh')), 'critical');
    const message = findings.find(({ code: item }) => item === 'doctor.port')?.message ?? '';
    assert.match(message, /another program has this port/);
    assert.match(
      findings.find(({ code: item }) => item === 'doctor.config')?.subject ?? '',
      /maintenance\.yaml:\d+:\d+$/,
    );
  });

  it('changes nothing and makes nothing', async () => {
    world.write('maintenance: {}\n');
    await doctor();
    assert.equal(statSync(world.state, { throwIfNoEntry: false }), undefined);
    mkdirSync(world.state, { mode: 0o700 });
    writeFileSync(join(world.state, 'marker'), '');
    const { mtimeMs } = statSync(world.state);
    await doctor();
    assert.equal(statSync(world.state).mtimeMs, mtimeMs);
  });
});
