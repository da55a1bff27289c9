import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { BackupFolder, calendarDay } from './backups.ts';
import { cutAfter, PowerCut } from './powerCut.ts';

function powerFails(): never {
  throw new PowerCut();
}

/** Two folders of which the second refers to the first: a half restore would show. */
class TwoFolders extends BackupFolder {
  override settings(): Record<string, unknown> {
    const paths = ['one', 'two'].map((name) => this.path('host', name));
    return { backup: { paths, destination: this.path('backups'), keep: 1000 } };
  }

  async plantVersion(version: string): Promise<void> {
    for (const name of ['one', 'two']) {
      await rm(this.path('host', name), { recursive: true, force: true });
      await mkdir(this.path('host', name));
    }
    await this.write('host/one/key.pem', version);
    await symlink('../one/key.pem', this.path('host/two/link.pem'));
    await this.write(`host/two/${version}.pem`, version);
  }
}

describe('a backup or restore that is interrupted', function () {
  this.timeout(60_000);
  const folder = new TwoFolders();
  beforeEach(() => folder.create());
  afterEach(() => folder.remove());

  /** False when the restore needs no more changes than `cut`. */
  async function isCutOff(cut: number): Promise<boolean> {
    try {
      await cutAfter(cut, powerFails, () => folder.restore({ date: '20240115' }));
      return false;
    } catch (error) {
      assert.ok(error instanceof PowerCut, String(error));
      return true;
    }
  }

  /** Nothing but the two folders, and archives that are whole. */
  async function tidy(): Promise<string[]> {
    assert.deepEqual((await readdir(folder.path('host'))).sort(), ['one', 'two']);
    const left = (await readdir(folder.path('backups'))).filter(
      (name) => !/^(?:certificates|undo)-[\d-]+\.tar\.gz$|^\.lock$/.test(name),
    );
    assert.deepEqual(left, []);
    return await folder.host();
  }

  it('is undone or finished by the next run, at whatever change of the file system it was cut off', async () => {
    await folder.plantVersion('good');
    const good = await folder.host();
    await folder.backup({ date: '20240115' });
    await folder.plantVersion('bad');
    const bad = await folder.host();

    const seen = { undone: 0, finished: 0, nothing: 0 };
    for (let cut = 0; ; cut += 1) {
      await folder.plantVersion('bad');
      if (!(await isCutOff(cut))) break;
      const next = await folder.backup();
      const message = next.findings[0]?.message ?? '';
      const state = await tidy();
      const [undone, finished] = ['interrupted before it changed', 'it was finished now'].map((text) =>
        message.includes(text),
      );
      seen[undone === true ? 'undone' : finished === true ? 'finished' : 'nothing'] += 1;
      assert.deepEqual(state, finished === true || (undone !== true && isSame(state, good)) ? good : bad, `cut ${cut}`);
      // Whatever was there before is in an archive by the time it is gone.
      if (isSame(state, good)) assert.ok((await folder.archives()).some((name) => name.startsWith('undo-')));
      for (const name of await folder.archives())
        if (name !== 'certificates-20240115.tar.gz') await rm(folder.path('backups', name));
    }
    assert.deepEqual(await folder.host(), good);
    assert.ok(seen.undone > 10 && seen.finished > 3, JSON.stringify(seen));
  });

  it('can be cut off again while it is undone or finished', async () => {
    await folder.plantVersion('good');
    const good = await folder.host();
    await folder.backup({ date: '20240115' });
    await folder.plantVersion('bad');
    let cut = 0;
    const rename = await cutAfter(Infinity, powerFails, () => folder.restore({ date: '20240115' }));
    await folder.plantVersion('bad');
    // In the middle of the switch, and then at each change of what the next run does.
    await assert.rejects(
      cutAfter(rename - 8, powerFails, () => folder.restore({ date: '20240115' })),
      PowerCut,
    );
    for (let over = false; !over; cut += 1) {
      over = await cutAfter(cut, powerFails, () => folder.restore({ date: '20240115' })).then(
        () => true,
        () => false,
      );
      assert.ok(cut < 200);
    }
    assert.deepEqual(await tidy(), good);
  });

  it('tells of a disk that is full at any moment, and leaves the certificates as they were (F04)', async () => {
    await folder.plantVersion('good');
    await folder.backup({ date: '20240115' });
    await folder.plantVersion('bad');
    const bad = await folder.host();
    const full = (): never => {
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    };
    // Once everything is made and written, two renames are left, and those need no space.
    for (let cut = 0; cut < 20; cut += 1) {
      await cutAfter(cut, full, async () => {
        const { outcome, findings } = await folder.restore({ date: '20240115' });
        assert.equal(outcome, 'failed');
        assert.match(findings.at(-1)?.message ?? '', /ENOSPC.*the disk is full, and the certificates are as they were/);
      });
      await folder.backup();
      assert.deepEqual(await tidy(), bad);
    }
  });

  it('says that nothing was changed when it is stopped, wherever it looks whether it is', async () => {
    await folder.plantVersion('good');
    const good = await folder.host();
    await folder.backup({ date: '20240115' });
    await folder.plantVersion('bad');
    const bad = await folder.host();
    let stops = 0;
    for (let whole = false; !whole; stops += 1) {
      const lines: string[] = [];
      whole = await folder
        .restore({ date: '20240115' }, undefined, {
          signal: stoppedAtLook(stops),
          print: (line) => void lines.push(line),
        })
        .then(
          () => true,
          () => false,
        );
      const told = lines.includes('stopped before anything was changed: the certificates are as they were');
      assert.equal(told, !whole);
      assert.deepEqual(await tidy(), whole ? good : bad);
    }
    assert.ok(stops > 5, String(stops));
  });

  it('leaves no half archive when a backup is cut off', async () => {
    await folder.plantVersion('good');
    for (let cut = 0, whole = false; !whole; cut += 1) {
      whole = await cutAfter(cut, powerFails, () => folder.backup()).then(
        () => true,
        () => false,
      );
      const { outcome } = await folder.backup({ date: calendarDay(cut) });
      assert.equal(outcome, 'changed');
      await tidy();
    }
  });

  it('sets aside what others made meanwhile in the place of a folder, and loses neither', async () => {
    await folder.plantVersion('good');
    await folder.backup({ date: '20240115' });
    await folder.plantVersion('bad');
    const changes = await cutAfter(Infinity, powerFails, () => folder.restore({ date: '20240115' }));
    await folder.plantVersion('bad');
    let cut = changes;
    // Back to the moment at which the first folder is away.
    do {
      await folder.backup();
      await folder.plantVersion('bad');
      await assert.rejects(
        cutAfter((cut -= 1), powerFails, () => folder.restore({ date: '20240115' })),
        PowerCut,
      );
    } while ((await readdir(folder.path('host'))).includes('one'));
    await writeFile(folder.path('host/one'), 'from somebody else');
    const { findings } = await folder.backup();
    const aside = (await readdir(folder.path('host'))).find((name) => name.startsWith('one.found-'));
    assert.equal(await readFile(folder.path('host', aside ?? ''), 'utf8'), 'from somebody else');
    assert.ok(findings.some(({ message }) => message.includes(`it was kept as ${folder.path('host', aside ?? '')}`)));
    assert.equal(await readFile(folder.path('host/two/link.pem'), 'utf8'), 'good');
  });

  for (const share of [0.4, 0.6, 0.75, 0.85, 0.95]) {
    it(`is made good after kill -9 at ${share * 100} % of its changes`, async () => {
      await folder.plantVersion('good');
      const good = await folder.host();
      await folder.backup({ date: '20240115' });
      await folder.plantVersion('bad');
      const bad = await folder.host();
      const changes = await cutAfter(Infinity, powerFails, () => folder.restore({ date: '20240115' }));
      await folder.plantVersion('bad');
      const { signal, stderr } = spawnSync(
        process.execPath,
        [
          '--input-type=module',
          '--eval',
          killed,
          import.meta.dirname,
          String(Math.floor(changes * share)),
          JSON.stringify(folder.settings()),
        ],
        { encoding: 'utf8' },
      );
      assert.equal(signal, 'SIGKILL', stderr);
      await folder.backup();
      const state = await tidy();
      assert.deepEqual(state, isSame(state, good) ? good : bad);
      await folder.restore({ date: '20240115' });
      assert.deepEqual(await tidy(), good);
    });
  }
});

/** Aborts when it is asked for the time of this number whether it is aborted. */
function stoppedAtLook(number: number): AbortSignal {
  const abort = new AbortController();
  let looks = 0;
  return Object.assign(abort.signal, {
    throwIfAborted: () => {
      if (looks === number) abort.abort(new Error('stopped by a test'));
      looks += 1;
      if (abort.signal.aborted) throw abort.signal.reason;
    },
  });
}

const killed = `
const [folder, after, settings] = process.argv.slice(1);
const { cutAfter } = await import(folder + '/powerCut.ts');
const { perform } = await import(folder + '/harness.ts');
const { restoreCertificates } = await import(folder + '/../../../agent/procedures/certificates/restoreCertificates.ts');
const options = { date: '20240115' };
await cutAfter(Number(after), () => process.kill(process.pid, 'SIGKILL'), () => perform(restoreCertificates, options, JSON.parse(settings)));
`;

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
