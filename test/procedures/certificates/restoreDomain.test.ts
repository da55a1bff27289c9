import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readdir, rm, symlink } from 'node:fs/promises';
import { BackupFolder, calendarDay } from './backups.ts';
import { cutAfter, PowerCut } from './powerCut.ts';

const isRoot = process.geteuid?.() === 0;

/** certbot's folder with the certificates of two domains, of which one name begins with the other. */
class TwoDomains extends BackupFolder {
  async put(domain: string, text: string): Promise<void> {
    for (const folder of ['archive', 'live']) {
      await rm(this.tree(folder, domain), { recursive: true, force: true });
      await mkdir(this.tree(folder, domain), { recursive: true });
    }
    await mkdir(this.tree('renewal'), { recursive: true });
    await this.write(`host/letsencrypt/archive/${domain}/privkey1.pem`, text);
    await symlink(`../../archive/${domain}/privkey1.pem`, this.tree('live', domain, 'privkey.pem'));
    await this.write(`host/letsencrypt/renewal/${domain}.conf`, text);
  }

  tree(...parts: string[]): string {
    return this.path('host/letsencrypt', ...parts);
  }

  /** Lines of `host` that are about a domain. */
  async of(domain: string): Promise<string[]> {
    return (await this.host()).filter((line) =>
      line.split(/[ /]/).some((part) => part === domain || part === `${domain}.conf`),
    );
  }
}

describe('restore-certificates of one domain', function () {
  this.timeout(60_000);
  const [one, other] = ['a.example', 'a.example.org'];
  const folder = new TwoDomains();
  beforeEach(async () => {
    await folder.create();
    for (const domain of [one, other]) await folder.put(domain, `old ${domain}`);
    await folder.backup({ date: '20240115' });
    for (const domain of [one, other]) await folder.put(domain, `new ${domain}`);
  });
  afterEach(() => folder.remove());

  it('brings back what is of the domain, and leaves the others as they are, modes included', async () => {
    await chmod(folder.tree('archive', other), 0o775);
    const [before, others] = [await folder.host(), await folder.of(other)];
    const restoring = { date: '20240115', domain: one };
    const planned = await folder.restore(restoring, undefined, { dryRun: true });
    assert.deepEqual(planned.changed, [
      folder.tree('archive', one, 'privkey1.pem'),
      folder.tree('renewal', `${one}.conf`),
    ]);
    assert.deepEqual([planned.added, planned.removed, await folder.host()], [[], [], before]);
    const { outcome, findings, undo } = await folder.restore(restoring);
    assert.deepEqual([outcome, findings], ['changed', []]);
    assert.ok((await folder.of(one)).some((line) => line.endsWith(`old ${one}`)));
    assert.deepEqual(await folder.of(other), others);
    assert.equal((await folder.restore(restoring)).outcome, 'unchanged');
    // The mode that an archive would not give is given back by hand; all else is in the undo archive.
    await folder.restore({ archive: undo ?? '' });
    await chmod(folder.tree('archive', other), 0o775);
    assert.deepEqual(await folder.host(), before);
  });

  it('brings back a domain whose folders are gone, with the folders above', async () => {
    const good = await folder.of(one);
    await rm(folder.tree('archive'), { recursive: true });
    await rm(folder.tree('live', one), { recursive: true });
    await rm(folder.tree('renewal', `${one}.conf`));
    const { outcome, added } = await folder.restore({ date: '20240115', domain: one });
    assert.equal(outcome, 'changed');
    assert.ok(added.includes(folder.tree('archive')));
    const old = good.map((line) => line.replace('new a', 'old a'));
    assert.deepEqual(await folder.of(one), old);
    assert.deepEqual(await readdir(folder.tree('archive')), [one]);
    assert.ok((await folder.of(other)).some((line) => line.endsWith(`new ${other}`)));
  });

  it('says when the archive holds nothing of it, and changes nothing', async () => {
    const before = await folder.host();
    const { outcome, findings } = await folder.restore({ date: '20240115', domain: 'b.example' });
    assert.equal(outcome, 'failed');
    assert.match(findings[0]?.message ?? '', /20240115\.tar\.gz holds nothing of "b\.example"/);
    assert.deepEqual(await folder.host(), before);
  });

  it('refuses where it could not keep the others as they are', async () => {
    await chmod(folder.tree('live', other), 0o2755);
    const { outcome, findings } = await folder.restore({ date: '20240115', domain: one });
    assert.equal(outcome, 'failed');
    assert.match(findings[0]?.message ?? '', /live\/a\.example\.org is setuid, setgid or sticky/);
  });

  it('is undone or finished by the next run, wherever it was cut off', async () => {
    const restoring = { date: '20240115', domain: one };
    const bad = await folder.host();
    const states = new Set<string>();
    for (let cut = 0, whole = false; !whole; cut += 3) {
      for (const domain of [one, other]) await folder.put(domain, `new ${domain}`);
      whole = await cutAfter(cut, powerFails, () => folder.restore(restoring)).then(
        () => true,
        (error: unknown) => {
          assert.ok(error instanceof PowerCut, String(error));
          return false;
        },
      );
      await folder.backup({ date: calendarDay(cut) });
      states.add(JSON.stringify(await folder.host()));
      assert.deepEqual(await readdir(folder.path('host')), ['letsencrypt']);
    }
    const good = JSON.stringify(
      bad.map((line) => (line.endsWith(`new ${one}`) ? line.replace('new a', 'old a') : line)),
    );
    assert.deepEqual(states, new Set([JSON.stringify(bad), good]));
  });

  if (isRoot) {
    it('tells of an owner whom this host does not know', async () => {
      execFileSync('chown', ['12345:54321', folder.tree('archive', one, 'privkey1.pem')]);
      await folder.backup({ date: '20240116' });
      await folder.put(one, 'later');
      const { outcome, findings } = await folder.restore({ date: '20240116', domain: one });
      assert.equal(outcome, 'warning');
      assert.match(
        findings[0]?.message ?? '',
        /privkey1\.pem is restored as it was on ".+", for the user 12345, which is not known on this host/,
      );
    });
  }
});

function powerFails(): never {
  throw new PowerCut();
}
