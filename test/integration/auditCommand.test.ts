/** `upkeep audit verify` and `archive-audit-logs` as people and agents call them, beside a running agent. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as z from 'zod';
import { part } from '../../agent/procedures/logs/archiveAuditLogsWork.ts';
import { auditVerification } from '../../agent/procedures/logs/auditJoin.ts';
import type { AuditVerification } from '../../agent/procedures/logs/auditJoin.ts';
import type { AgentEvent } from '../../agent/protocol/events.ts';
import { finding } from '../../agent/protocol/nouns.ts';
import { canMount, smallDisk } from '../store/smallDisk.ts';
import { AgentWorld, endOf, entry, nextEvent } from './agentProcess.ts';
import type { AgentProcess } from './agentProcess.ts';

const document = part.extend({
  procedure: z.literal('archive-audit-logs'),
  outcome: z.enum(['changed', 'unchanged', 'warning', 'failed']),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime(),
  findings: z.array(finding),
});
type AlertEvent = Extract<AgentEvent, { type: 'alert.changed' }>;

describe('the audit log by the command line', function () {
  this.timeout(120_000);
  let world: AgentWorld;
  let agent: AgentProcess;
  let archive: string;
  beforeEach(async () => {
    world = new AgentWorld();
    archive = join(world.folder, 'archive');
    world.script('hello.sh', 'echo hello');
    configure('');
    agent = await world.start();
    await act(3);
  });
  afterEach(() => world.dispose());

  function configure(more: string): void {
    world.write(`maintenance:
  checks: []
  logs:
    audit: { destination: ${archive}, days: 0${more} }
  automated_tasks:
    - { name: hello, schedule: "0 5 1 1 *", script: hello.sh }
    - { name: archive, schedule: "0 5 1 1 *", procedure: archive-audit-logs }
`);
  }

  /** Real actions: runs, and a token. */
  async function act(runs: number): Promise<void> {
    for (let index = 0; index < runs; index += 1) assert.equal(await run('hello'), 'changed');
    assert.equal((await world.command(['token', 'create', '--role', 'viewer', '--name', 'a'])).code, 0);
  }

  async function run(task: string): Promise<string | null> {
    const { run: started } = await agent.client.request('tasks.run', { task, requestId: crypto.randomUUID() });
    return (await endOf(agent.client, started.id)).outcome;
  }

  async function procedure(...args: string[]) {
    const { code, stdout, stderr } = await world.command([
      'archive-audit-logs',
      '--config',
      world.config,
      ...args,
      '--json',
    ]);
    return { code, stderr, ...document.parse(JSON.parse(stdout)) };
  }

  async function verify(...args: string[]): Promise<AuditVerification & { readonly code: number | null }> {
    const { code, stdout } = await world.command(['audit', 'verify', '--config', world.config, ...args, '--json']);
    return { code, ...auditVerification.strict().parse(JSON.parse(stdout)) };
  }

  function byHand(sql: string): void {
    const store = new DatabaseSync(join(world.state, 'upkeep.db'));
    store.exec(sql);
    store.close();
  }

  const archives = (): string[] =>
    readdirSync(archive)
      .filter((name) => name.includes('.tar.'))
      .sort();

  it('archives, verifies, and says the head that proves later what was there', async () => {
    const plan = await procedure('--dry-run');
    assert.deepEqual([plan.code, plan.outcome, plan.audit?.due, plan.audit?.archivedThrough], [0, 'unchanged', 4, 0]);
    assert.throws(() => archives(), /ENOENT/);
    const made = await procedure();
    assert.deepEqual([made.code, made.outcome, made.audit?.archivedThrough], [0, 'changed', 4]);
    assert.equal((await procedure()).outcome, 'unchanged');
    const first = await verify();
    assert.deepEqual([first.code, first.ok, first.entries, first.findings], [0, true, 4, []]);
    assert.deepEqual(first.archives, [
      { path: join(archive, archives()[0] ?? ''), status: 'whole', first: 1, last: 4 },
    ]);
    const noted = `${first.head?.seq ?? 0}:${first.head?.hash ?? ''}`;
    await act(1);
    const text = await world.command(['audit', 'verify', '--archive', archive, '--head', noted]);
    assert.equal(text.code, 0);
    assert.match(
      text.stdout,
      /^PASS {2}\S+\.tar\.zst: entries 1 to 4\nPASS {2}\S+upkeep\.db: entries 1 to 6\nPASS {2}head 4: .*\n6 entries in the store, the chain is whole\nhead 6:[0-9a-f]{64} of /,
    );
    assert.equal((await verify('--head', `3:${first.head?.hash ?? ''}`)).code, 1);
  });

  it('refuses wrong use with exit code 2, and warns with 3', async () => {
    for (const args of [
      ['--head', '12'],
      ['--head', `x:${'0'.repeat(64)}`],
      ['--archive', join(world.folder, 'nowhere')],
      ['--archive', world.config],
      ['--state', join(world.folder, 'nowhere')],
      ['--config', join(world.folder, 'nowhere.yaml')],
      ['--unknown'],
    ]) {
      const { code, stdout, stderr } = await world.command(['audit', 'verify', ...args]);
      assert.deepEqual([code, stdout], [2, ''], args.join(' '));
      assert.notEqual(stderr, '');
    }
    assert.equal((await world.command(['archive-audit-logs', '--days', 'many'])).code, 2);
    assert.equal((await world.command(['archive-audit-logs', '--days', '-1'])).code, 2);
    const nowhere = await world.command(['archive-audit-logs', '--days', '0']);
    assert.equal(nowhere.code, 1);
    assert.match(nowhere.stdout, /No folder for archives is named/);
    await procedure();
    rmSync(join(archive, (archives()[0] ?? '').replace('.tar.zst', '.json')));
    const strict = await world.command(['audit', 'verify', '--archive', archive, '--strict']);
    assert.match(strict.stdout, /FAIL .*it has no manifest/);
    assert.equal(strict.code, 1);
  });

  it('the agent trims what a run of its own has archived, and the chain stays whole', async () => {
    configure(', trim: 1ms');
    await agent.stop();
    agent = await world.start();
    assert.equal(await run('archive'), 'changed');
    const waiting = async (): Promise<AuditVerification> => {
      for (;;) {
        const result = await verify();
        assert.equal(result.ok, true, JSON.stringify(result.findings));
        if (result.trimmedThrough > 0) return result;
        await act(1);
        assert.equal(await run('archive'), 'changed');
      }
    };
    const { trimmedThrough } = await waiting();
    assert.ok(trimmedThrough >= 4);
    await agent.stop();
    const unseen = await world.command(['audit', 'verify', '--strict']);
    assert.equal(unseen.code, 3);
    assert.match(unseen.stdout, /WARN .*entries 1 to \d+.* give their folder by --archive/);
    assert.equal((await world.command(['store', 'check'])).code, 0);
    assert.equal((await world.command(['store', 'rebuild'])).code, 0);
    assert.equal((await verify()).ok, true);
    agent = await world.start();
    await act(1);
    assert.equal((await verify()).code, 0);
  });

  it('a log that was changed by hand is seen by verify, refused by archiving, and an alert in the editor', async () => {
    byHand("UPDATE audit SET actor = 'nobody' WHERE seq = 2");
    const seen = await verify();
    assert.deepEqual(
      [seen.code, seen.brokenAt, seen.findings[0]?.code, seen.findings[0]?.entry],
      [1, 2, 'audit.chain', 2],
    );
    const refused = await procedure();
    assert.deepEqual([refused.code, refused.outcome, refused.archives.length], [1, 'failed', 0]);
    assert.equal(refused.findings.find(({ level }) => level === 'critical')?.code, 'logs.audit');
    const raised = nextEvent(
      agent.client,
      (event): event is AlertEvent => event.type === 'alert.changed' && event.data.alert.key === 'store:audit',
    );
    assert.equal(await run('archive'), 'failed');
    assert.equal((await raised).data.alert.level, 'critical');
    assert.match((await world.command(['store', 'check'])).stdout, /entry 2 of the audit log does not fit/);
  });

  it('F02: archiving that is killed at any moment archives each entry once in the end', async () => {
    for (let kill = 0; kill < 6; kill += 1) {
      const child = spawn(process.execPath, [entry, 'archive-audit-logs', '--config', world.config], {
        stdio: ['ignore', 'pipe', 'ignore'],
        env: { PATH: process.env['PATH'], HOME: world.folder, UPKEEP_STATE: world.state },
      });
      // Its lines are its steps: it is killed at its beginning, or after the first of them.
      if (kill % 2 === 1) await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
      child.kill('SIGKILL');
      await once(child, 'close');
      await act(1);
    }
    const made = await procedure();
    assert.equal(made.code, 0, JSON.stringify(made.findings));
    const result = await verify();
    assert.deepEqual([result.ok, result.findings], [true, []]);
    const ranges = result.archives.map(({ first, last }) => [first ?? 0, last ?? 0] as const);
    let next = 1;
    for (const [first, last] of ranges) {
      assert.equal(first, next);
      next = last + 1;
    }
    assert.equal(next, (result.head?.seq ?? 0) + 1);
    assert.deepEqual(
      readdirSync(archive).filter((name) => /pending|\.upkeep$/.test(name)),
      [],
    );
  });

  it('names a damaged archive, and goes on in a destination that was swapped for an empty one', async () => {
    await procedure();
    truncateSync(join(archive, archives()[0] ?? ''), 40);
    const damaged = await verify();
    assert.deepEqual([damaged.code, damaged.archives[0]?.status], [1, 'damaged']);
    const other = join(world.folder, 'other');
    const again = await procedure('--destination', other);
    assert.deepEqual([again.code, again.audit?.due], [0, 4]);
    const { code, stdout } = await world.command(['audit', 'verify', '--archive', other]);
    assert.equal(code, 0, stdout);
    const planted = join(world.folder, 'planted');
    writeFileSync(planted, '');
    const file = await procedure('--destination', planted);
    assert.equal(file.outcome, 'failed', JSON.stringify(file.findings));
  });

  if (canMount) {
    it('F05: on a full disk nothing is lost, and the next run archives all of it', async () => {
      const disk = smallDisk(4);
      try {
        for (const space of ['too little', 'none']) {
          if (space === 'none') disk.fill();
          const full = await procedure('--destination', disk.folder);
          assert.deepEqual([full.code, full.outcome, full.audit?.due ?? 0], [1, 'failed', 0], space);
          assert.match(full.findings.map(({ message }) => message).join(' '), /originals are untouched/);
        }
        assert.deepEqual(
          readdirSync(disk.folder).filter((name) => name.includes('audit-')),
          [],
        );
      } finally {
        disk.dispose();
      }
      assert.equal((await procedure()).audit?.archivedThrough, 4);
      assert.ok(readFileSync(join(archive, archives()[0] ?? '')).length > 0);
    });
  }
});
