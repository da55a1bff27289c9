import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launch, newRunId, RunDirectory, type Launch } from '../../agent/run/directory.ts';
import { endedRun, newRun } from '../../agent/run/request.ts';
import { canMount, smallDisk } from '../store/smallDisk.ts';
import { request } from './harness.ts';

const now = Date.parse('2026-03-01T02:00:00Z');
const item = (reason = ''): Launch =>
  launch.parse({
    run: newRun(request(['x'], { reason }), now),
    command: ['x'],
    deadline: null,
    alertOn: 'nothing',
  });

describe('the folder of a run', () => {
  let root: string;
  let directory: RunDirectory;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'upkeep-directory-'));
    directory = RunDirectory.of(root, newRunId(new Date(now))) ?? assert.fail();
    directory.create();
  });
  afterEach(() => {
    rmSync(root, { recursive: true });
  });

  it('V29: is named by the id of the run, and by nothing that is no id', () => {
    assert.match(directory.path, /\/2026-03-01\/20260301T020000-[0-9a-f]{8}$/);
    for (const id of [
      '',
      '..',
      '../../etc/passwd',
      `${newRunId(new Date(now))}/..`,
      `${newRunId(new Date(now))}\0`,
      'x',
    ])
      assert.equal(RunDirectory.of(root, id), null, JSON.stringify(id));
  });

  it('is made once, and what is in it stays', () => {
    writeFileSync(directory.results, 'kept');
    directory.create();
    assert.equal(readFileSync(directory.results, 'utf8'), 'kept');
  });

  it('can not be made where a file is in the way, and says so', () => {
    const other = RunDirectory.of(join(directory.results, 'runs'), newRunId(new Date(now))) ?? assert.fail();
    assert.throws(() => {
      other.create();
    }, /ENOTDIR/);
  });

  it('holds what is to be run, also when that is written anew', () => {
    directory.writeLaunch(item('first'), false);
    assert.equal(directory.readLaunch()?.run.reason, 'first');
    directory.writeLaunch(item('second'), false);
    assert.equal(directory.readLaunch()?.run.reason, 'second');
    directory.writeLaunch(item('third'));
    assert.equal(directory.readLaunch()?.run.reason, 'third');
  });

  it("knows nothing where a file is missing, empty, half written or another program's", () => {
    assert.deepEqual(
      [directory.readLaunch(), directory.readPid(), directory.readExit(), directory.readStop()],
      [null, null, null, null],
    );
    for (const text of ['', '{"code":', '[]', '{"code":"0"}', '{"cause":"bored","by":"x"}', '-1', '1']) {
      for (const name of ['run.json', 'pid', 'exit.json', 'stop.json']) writeFileSync(join(directory.path, name), text);
      assert.deepEqual(
        [directory.readLaunch(), directory.readPid(), directory.readExit(), directory.readStop()],
        [null, null, null, null],
        text,
      );
    }
    writeFileSync(join(directory.path, 'pid'), '4711\n');
    assert.equal(directory.readPid(), 4711);
    directory.writeStop({ cause: 'cancelled', by: 'alice' });
    assert.deepEqual(directory.readStop(), { cause: 'cancelled', by: 'alice' });
  });

  it('tells an end in bad order a second time, and one in good order not', () => {
    const run = item().run;
    const end = join(directory.path, 'end.json');
    const good = { ...endedRun(run, 'changed', '', now), outcomeReason: null, exitCode: 0 };
    writeFileSync(directory.exit, '{"code":0}');
    directory.writeEnd(good);
    assert.equal(existsSync(end), false);
    for (const more of [
      { exitCode: 1 },
      { outcomeReason: 'it left process 7 running in the background' },
      { adopted: true },
      { outputDropped: 1 },
    ]) {
      directory.writeEnd({ ...good, ...more });
      assert.equal(existsSync(end), true, JSON.stringify(more));
      rmSync(end);
    }
    const { outputDropped, ...older } = good;
    directory.writeEnd(older);
    assert.deepEqual([outputDropped, existsSync(end)], [0, false]);
    rmSync(directory.exit);
    directory.writeEnd(good);
    assert.equal(existsSync(end), true);
  });

  const elsewhere = (): string => join(root, 'elsewhere');
  for (const [title, put] of [
    [
      'a link',
      (file: string) => {
        writeFileSync(elsewhere(), '{"code":0}');
        symlinkSync(elsewhere(), file);
      },
    ],
    [
      'a link to nothing',
      (file: string) => {
        symlinkSync(elsewhere(), file);
      },
    ],
    [
      'a folder',
      (file: string) => {
        mkdirSync(file);
      },
    ],
    ['a pipe', (file: string) => execFileSync('mkfifo', [file])],
  ] as const) {
    it(`F39: reads nothing and waits for nothing where a run has put ${title} in the place of a file`, () => {
      for (const name of ['run.json', 'pid', 'exit.json', 'stop.json']) put(join(directory.path, name));
      assert.deepEqual(
        [directory.readLaunch(), directory.readPid(), directory.readExit(), directory.readStop()],
        [null, null, null, null],
      );
      rmSync(directory.results);
      put(directory.results);
      directory.create();
      if (title === 'a link to nothing') assert.equal(existsSync(elsewhere()), false);
    });
  }

  it('F39: reads nothing from a socket', async () => {
    const server = createServer().listen(directory.exit);
    await new Promise((resolve) => server.once('listening', resolve));
    assert.equal(directory.readExit(), null);
    await new Promise((resolve) => server.close(resolve));
  });

  it('says when a file can not be looked at, rather than that it is not there', () => {
    const other = new RunDirectory(directory.results);
    assert.throws(() => other.readExit(), /ENOTDIR/);
  });

  if (canMount) {
    it('F03: leaves no half of a record on a full disk', () => {
      const disk = smallDisk(1);
      try {
        const full = RunDirectory.of(disk.folder, newRunId(new Date(now))) ?? assert.fail();
        full.create();
        disk.fill();
        disk.release(1);
        assert.throws(() => {
          full.writeLaunch(item('x'.repeat(20_000)), false);
        }, /ENOSPC/);
        assert.equal(existsSync(join(full.path, 'run.json')), false);
      } finally {
        disk.dispose();
      }
    });
  }
});
