/** `upkeep clean-system-logs` as people call it: real journal files, real journalctl and apt-get, old files in real folders. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { part } from '../../agent/procedures/logs/cleanSystemLogsWork.ts';
import { finding } from '../../agent/protocol/nouns.ts';
import { lockFile } from '../../agent/store/stateLock.ts';
import { activeJournal, archivedJournal, sizeOnDisk } from '../procedures/logs/journalWorld.ts';
import { AgentWorld } from './agentProcess.ts';

const dayMs = 86_400_000;
const document = part.extend({
  procedure: z.literal('clean-system-logs'),
  outcome: z.enum(['changed', 'unchanged', 'warning', 'failed']),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime(),
  findings: z.array(finding),
});

describe('clean-system-logs by the command line', function () {
  this.timeout(120_000);
  let world: AgentWorld;
  let journal: string;
  let apt: string;
  const ago = (days: number): Date => new Date(Date.now() - days * dayMs);
  beforeEach(() => {
    world = new AgentWorld();
    journal = join(world.folder, 'journal', '0123456789abcdef0123456789abcdef');
    mkdirSync(journal, { recursive: true });
    apt = join(world.folder, 'apt');
    for (const folder of ['cache/archives/partial', 'state/lists/partial'])
      mkdirSync(join(apt, folder), { recursive: true });
    writeFileSync(join(world.folder, 'apt.conf'), `Dir::Cache "${apt}/cache";\nDir::State "${apt}/state";\n`);
    configure('');
  });
  afterEach(() => world.dispose());

  function configure(cleanup: string): void {
    world.write(`maintenance:
  checks: []
  logs:
    journal: { directory: ${join(world.folder, 'journal')} }
    cleanup: { ${cleanup} }
`);
  }

  async function clean(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}) {
    const given = ['clean-system-logs', '--config', world.config, ...args, '--json'];
    const { code, stdout, stderr } = await world.command(given, { APT_CONFIG: join(world.folder, 'apt.conf'), ...env });
    assert.notEqual(stdout, '', stderr);
    return { code, stderr, ...document.strict().parse(JSON.parse(stdout)) };
  }

  const acted = ({ removed }: z.infer<typeof part>, action: string): string[] =>
    removed
      .filter((one) => one.action === action)
      .map((one) => one.path)
      .sort();

  it('plans by name and size, removes exactly that, and frees what it says', async () => {
    const old = [40, 20].map((days) => archivedJournal(journal, ago(days), 50)).sort();
    const kept = [archivedJournal(journal, ago(2), 50), activeJournal(journal, ago(50), 50)].sort();
    const bytes = old.reduce((sum, file) => sum + sizeOnDisk(file), 0);
    const plan = await clean(['--keep', '7d', '--dry-run']);
    assert.deepEqual([plan.code, plan.outcome, acted(plan, 'planned')], [0, 'unchanged', old]);
    assert.equal((plan.journal?.before ?? 0) - (plan.journal?.after ?? 0), bytes);
    for (const file of old) assert.ok(plan.stderr.includes(`${file} (8.0 MiB, its entries begin 20`), plan.stderr);
    assert.equal(readdirSync(journal).length, 4, 'a dry run changes nothing');
    const run = await clean(['--keep', '7d']);
    assert.deepEqual([run.code, run.outcome, acted(run, 'removed')], [0, 'changed', old]);
    assert.deepEqual(run.journal, plan.journal);
    assert.deepEqual(
      readdirSync(journal)
        .map((name) => join(journal, name))
        .sort(),
      kept,
    );
    const again = await clean(['--keep', '7d', '--strict']);
    assert.deepEqual([again.code, again.outcome, again.removed], [0, 'unchanged', []]);
  });

  it('keeps both limits at once, and warns when only active files are beyond the size', async () => {
    const files = [9, 5, 3].map((days) => archivedJournal(journal, ago(days), 50));
    const both = await clean(['--keep', '7d', '--max-size', '9M']);
    assert.deepEqual(acted(both, 'removed'), files.slice(0, 2).sort());
    activeJournal(journal, ago(1), 50);
    const active = await clean(['--max-size', '1M', '--strict']);
    assert.deepEqual([active.code, active.outcome], [3, 'warning']);
    assert.deepEqual(readdirSync(journal), ['system.journal']);
    assert.match(active.findings[0]?.message ?? '', /files that journald writes now.*SystemMaxUse=/);
  });

  it('refuses wrong values with exit code 2, and does nothing', async () => {
    archivedJournal(journal, ago(30), 10);
    for (const args of [
      ['--keep', '7'],
      ['--keep', '0d'],
      ['--keep', '-1d'],
      ['--max-size', 'much'],
      ['--max-size', '0M'],
      ['--max-size', '1e9'],
      ['--unknown'],
    ]) {
      const { code, stdout } = await world.command(['clean-system-logs', '--config', world.config, ...args]);
      assert.deepEqual([code, stdout], [2, ''], args.join(' '));
    }
    assert.equal(readdirSync(journal).length, 1);
  });

  it('says which package has a missing tool, and is fine with a journal without files', async () => {
    const missing = await clean([], { PATH: world.folder });
    assert.deepEqual([missing.code, missing.outcome], [1, 'failed']);
    assert.match(missing.findings[0]?.message ?? '', /journalctl is not installed; install the package `systemd`/);
    const none = await clean();
    assert.deepEqual([none.code, none.outcome, none.journal], [0, 'unchanged', { before: 0, after: 0 }]);
  });

  it('removes what apt-get clean removes, each file by name, and waits for no other apt', async () => {
    configure('apt: true');
    const files = ['cache/archives/a_1_all.deb', 'cache/archives/partial/b_1_all.deb', 'state/lists/partial/list'].map(
      (name) => join(apt, name),
    );
    for (const file of files) writeFileSync(file, 'x'.repeat(5000));
    const plan = await clean(['--dry-run']);
    assert.deepEqual([plan.outcome, acted(plan, 'planned')], ['unchanged', files]);
    assert.ok(files.every((file) => existsSync(file)));
    const lock = lockFile(join(apt, 'cache/archives/lock'));
    const busy = await clean();
    assert.deepEqual([busy.code, busy.outcome], [0, 'warning']);
    assert.match(
      busy.findings.map(({ message }) => message).join(' '),
      /another one is at work now \(Could not get lock .*run this again/,
    );
    const packages = files.slice(0, 2);
    // SQLite, whose lock this is, has a journal beside it.
    const kept = acted(busy, 'kept').filter((file) => !file.includes('lock-'));
    assert.deepEqual(kept, packages, 'what lies under the lock');
    assert.ok(packages.every((file) => existsSync(file)));
    assert.deepEqual(
      acted(busy, 'removed'),
      files.slice(2).filter((file) => !existsSync(file)),
    );
    lock?.close();
    const run = await clean();
    assert.deepEqual([run.code, run.outcome, acted(run, 'removed')], [0, 'changed', packages]);
    assert.match(run.findings.map(({ message }) => message).join(' '), /2 of 2 files of apt were removed/);
  });

  it('removes old files that are named, and leaves links, folders, mounts of others and what tmpfiles.d keeps', async () => {
    const folder = join(world.folder, 'tmp');
    const tmpfiles = join(world.folder, 'bin');
    for (const one of [folder, tmpfiles, join(folder, 'kept.d')]) mkdirSync(one);
    writeFileSync(join(tmpfiles, 'systemd-tmpfiles'), `#!/bin/sh\necho "x ${folder}/kept.d"\n`, { mode: 0o755 });
    const victim = join(world.folder, 'victim.tmp');
    for (const file of [victim, join(folder, 'old.tmp'), join(folder, 'kept.d', 'session.tmp')]) {
      writeFileSync(file, 'x'.repeat(9000));
      utimesSync(file, ago(30), ago(30));
    }
    writeFileSync(join(folder, 'new.tmp'), 'x');
    symlinkSync(victim, join(folder, 'link.tmp'));
    configure(`files: [{ paths: [tmp/*.tmp, tmp/kept.d/*.tmp], min_age: 7d }]`);
    const env = { PATH: `${tmpfiles}:${process.env['PATH'] ?? ''}` };
    const old = join(folder, 'old.tmp');
    const size = statSync(old).blocks * 512;
    const plan = await clean(['--dry-run'], env);
    assert.deepEqual([acted(plan, 'planned'), plan.removed.find(({ path }) => path === old)?.bytes], [[old], size]);
    assert.ok(existsSync(old));
    const run = await clean(['--strict'], env);
    assert.deepEqual([run.code, run.outcome, acted(run, 'removed')], [3, 'warning', [old]]);
    assert.match(
      run.removed.find(({ action }) => action === 'kept')?.reason ?? '',
      /a line of tmpfiles\.d keeps it \(x .*kept\.d\)/,
    );
    assert.deepEqual(readdirSync(folder).sort(), ['kept.d', 'link.tmp', 'new.tmp']);
    assert.ok(existsSync(victim) && existsSync(join(folder, 'kept.d', 'session.tmp')));
  });
});
