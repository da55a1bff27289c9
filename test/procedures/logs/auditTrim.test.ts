import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, chmod, cp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { auditState, trimAudit } from '../../../agent/store/audit.ts';
import { Database } from '../../../agent/store/database.ts';
import { storeFile } from '../../../agent/store/openStore.ts';
import { repairStore } from '../../../agent/store/repair.ts';
import { agentFolder, storeHarness } from '../../store/harness.ts';
import { createAuditWorld } from './auditWorld.ts';
import type { AuditWorld } from './auditWorld.ts';

const kills = process.env['UPKEEP_FULL'] === '1' ? 100 : 10;

/** Trims 50 entries at a time, as often as there are so many, and appends as many again; says each once it is committed. */
const trimmer = `
const [agent, folder] = process.argv.slice(1);
const { openStore } = await import(agent + '/store/openStore.ts');
const { appendAudit, trimAudit } = await import(agent + '/store/audit.ts');
const database = openStore({ directory: folder, now: () => 0, onRepair: () => undefined });
for (;;) {
  database.transaction(() => {
    for (let index = 0; index < 60; index += 1)
      appendAudit(database, { at: index, actor: 'a', action: 'b', target: 'x'.repeat(200), reason: null, detail: {} });
  });
  const from = Number(database.get('SELECT min(seq) AS seq FROM audit').seq);
  const hash = String(database.get('SELECT hash FROM audit WHERE seq = ?', from + 49).hash);
  trimAudit(database, { from, through: from + 49, hash, folder: '/archive', archives: [] }, 0);
  process.stdout.write((from + 49) + '\\n');
}`;

describe('trimming the audit log of what is archived', function () {
  this.timeout(Math.max(30_000, kills * 3000));
  let world: AuditWorld;
  beforeEach(async () => {
    world = await createAuditWorld();
  });
  afterEach(() => world.remove());

  const first = (): number => Number(world.database().get('SELECT min(seq) AS seq FROM audit')?.['seq']);
  const copied = async (): Promise<string[]> =>
    (await readFile(path.join(world.state, 'audit.ndjson'), 'utf8')).trimEnd().split('\n');

  it('removes what is old and in a verified archive, and leaves an entry that says which', async () => {
    await world.fill([30, 20]);
    world.append(5, 110);
    world.append(5, 1);
    assert.deepEqual(await world.trim(), { entries: 50, problem: null });
    assert.equal(first(), 51);
    const state = auditState(world.database());
    assert.deepEqual([state.brokenAt, state.base.seq, state.trimmed?.through], [null, 50, 50]);
    assert.deepEqual(await world.trim(), { entries: 0, problem: null });
    const lines = await copied();
    assert.match(lines[0] ?? '', /^\{"seq":51,/);
    assert.match(lines.at(-1) ?? '', /"action":"audit.trim","target":"entries 31 to 50"/);
    assert.equal((await world.verify()).ok, true);
  });

  it('leaves what is young, though it is archived, and goes on there later', async () => {
    world.append(10, 120);
    world.append(10, 50);
    assert.equal((await world.archiveAudit({ days: 10 })).audit?.due, 20);
    assert.deepEqual(await world.trim(100), { entries: 10, problem: null });
    assert.deepEqual(await world.trim(40), { entries: 10, problem: null });
    assert.equal((await world.verify()).ok, true);
    world.append(3, 120);
    assert.equal(
      (await world.archiveAudit({ days: 0 })).audit?.archivedThrough,
      25,
      'what trimming left is archived in its turn',
    );
  });

  it('removes thousands in several transactions', async () => {
    await world.fill([11_000]);
    assert.deepEqual(await world.trim(), { entries: 11_000, problem: null });
    assert.equal(auditState(world.database()).entries, 3);
    assert.deepEqual((await world.verify()).findings, []);
  });

  it('never removes what it has not verified itself', async () => {
    await world.fill([10, 10]);
    const [one = '', two = ''] = await world.archives();
    const aside = path.join(world.state, 'aside');
    await cp(world.destination, aside, { recursive: true });
    const cases: readonly (readonly [() => Promise<unknown>, number, RegExp | null])[] = [
      [() => rm(world.destination, { recursive: true }), 0, null],
      [() => rm(one), 0, null],
      [() => truncate(one, 100), 0, /can not be relied on/],
      [() => appendFile(one, 'x'), 0, /can not be relied on/],
      [() => chmod(world.destination, 0o777), 0, /others can change what lies in/],
      [() => writeFile(one.replace('.tar.zst', '.json'), '{}'), 0, null],
      [() => truncate(two, 100), 10, /can not be relied on/],
    ];
    for (const [damage, entries, problem] of cases) {
      await damage();
      const trimmed = await world.trim();
      assert.equal(trimmed.entries, entries, String(damage));
      if (problem === null) assert.equal(trimmed.problem, null, String(damage));
      else assert.match(trimmed.problem ?? '', problem, String(damage));
      await chmod(world.destination, 0o700).catch(() => undefined);
      await rm(world.destination, { recursive: true, force: true });
      await cp(aside, world.destination, { recursive: true });
    }
    world.database().change("UPDATE audit SET actor = 'x' WHERE seq = 15");
    assert.match((await world.trim()).problem ?? '', /entry 15 of the log does not fit/);
    assert.equal(first(), 11);
  });

  it('removes nothing that only an archive of another log holds', async () => {
    const other = await createAuditWorld();
    try {
      await other.fill([30]);
      world.append(30, 130);
      await cp(other.destination, world.destination, { recursive: true });
      const trimmed = await world.trim();
      assert.equal(trimmed.entries, 0);
      assert.match(trimmed.problem ?? '', /holds another entry 30 than the log/);
    } finally {
      await other.remove();
    }
    const record = { from: 1, through: 5, hash: 'f'.repeat(64), folder: '/', archives: [] };
    assert.throws(() => {
      trimAudit(world.database(), record, 0);
    }, /is not the one that was archived/);
    assert.equal(first(), 1);
  });

  it('F28: a store that is made anew is as whole as before, with its copy or without it', async () => {
    await world.fill([10, 10], true);
    world.append(5, 1);
    const before = auditState(world.database());
    for (const copy of [true, false]) {
      if (!copy) await rm(path.join(world.state, 'audit.ndjson'));
      const repair = repairStore(storeFile(world.state), 'a test', Date.now());
      assert.equal(repair.auditBrokenAt, null);
      assert.deepEqual(world.reopen(), []);
      assert.deepEqual(auditState(world.database()).base, before.base);
      assert.equal((await world.verify()).ok, true);
    }
  });

  it('F28: a backup from before the trimming is brought up to date, and what does not join the rest is left out', async () => {
    await world.fill([10]);
    const backup = path.join(world.state, 'backup');
    world.database().change('VACUUM INTO ?', backup);
    await world.fill([10], true);
    world.append(5, 1);
    const head = auditState(world.database()).head;
    world.database().close();
    for (const suffix of ['-wal', '-shm']) await rm(`${storeFile(world.state)}${suffix}`, { force: true });
    await cp(backup, storeFile(world.state));
    assert.match(world.reopen().join(' '), /was behind its copies/);
    const state = auditState(world.database());
    assert.deepEqual([state.brokenAt, state.base.seq, state.head?.hash], [null, 20, head?.hash]);
    assert.equal((await world.verify()).ok, true);
  });

  it('the copy that a kill left too long is shortened at the next start', async () => {
    await world.fill([10]);
    const long = await copied();
    await world.trim();
    const short = await copied();
    await writeFile(path.join(world.state, 'audit.ndjson'), [...long, ...short, ''].join('\n'));
    world.reopen();
    assert.deepEqual(await copied(), short);
    // One half of a line at its end is of the last crash.
    await writeFile(path.join(world.state, 'audit.ndjson'), [...long, ...short, '{"seq":4'].join('\n'));
    world.reopen();
    assert.deepEqual((await copied()).slice(0, short.length), short);
  });

  it(`F29: all of a part leaves the store or none of it, killed ${kills} times`, async () => {
    const harness = storeHarness();
    try {
      let said = 0;
      for (let kill = 0; kill < kills; kill += 1) {
        const args = ['--input-type=module', '--eval', trimmer, agentFolder, harness.folder];
        const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
        const exited = once(child, 'exit');
        const stopAfter = Math.floor(Math.random() * 10);
        let seen = 0;
        for await (const line of createInterface({ input: child.stdout })) {
          said = Number(line);
          seen += 1;
          if (seen > stopAfter) child.kill('SIGKILL');
        }
        await exited;
        const database = new Database(harness.file, { readOnly: true });
        const { brokenAt, base, trimmed } = auditState(database);
        database.close();
        assert.equal(brokenAt, null);
        assert.ok(base.seq >= said, `${said} was said to be trimmed, and ${base.seq} is`);
        assert.equal(base.seq, trimmed?.through);
        assert.equal(base.seq % 50, 0, 'never a part of one');
        harness.open().close();
        const [line = ''] = (await readFile(path.join(harness.folder, 'audit.ndjson'), 'utf8')).split('\n');
        assert.ok(line.startsWith(`{"seq":${base.seq + 1},`), line);
      }
    } finally {
      harness.dispose();
    }
  });
});
