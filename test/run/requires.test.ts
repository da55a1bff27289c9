import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unmetRequirement } from '../../agent/run/requires.ts';
import type { Requirements } from '../../agent/run/settings.ts';
import { killLeft, processesOf } from '../leftovers.ts';

const none: Requirements = { disk: [], load: null, memoryBytes: null, mount: [], command: [], file: [] };

describe('requirements', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'upkeep-requires-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const unmet = (wanted: Partial<Requirements>, lookMs = 5000): Promise<string | null> =>
    unmetRequirement(
      { ...none, ...wanted },
      { cwd: folder, env: { PATH: process.env['PATH'] }, prefix: [], signal: new AbortController().signal, lookMs },
    );

  it('are met when there are none, or all hold', async () => {
    writeFileSync(join(folder, 'there'), '');
    const disk = [{ path: folder, freeBytes: 1, freePercent: 0.0001 }];
    const wanted = { disk, load: 100_000, memoryBytes: 1, mount: ['/'], command: ['test -f there'], file: [folder] };
    assert.equal(await unmet(none), null);
    assert.equal(await unmet(wanted), null);
  });

  const cases: readonly (readonly [string, Partial<Requirements>, RegExp])[] = [
    ['a file', { file: ['/nowhere/x'] }, /the file \/nowhere\/x is not there/],
    ['a mount', { mount: ['/nowhere'] }, /nothing is mounted on \/nowhere/],
    [
      'disk space',
      { disk: [{ path: '/', freeBytes: 2 ** 60, freePercent: null }] },
      /\/ has .* free, 1048576.0 TiB are required/,
    ],
    [
      'a share of the disk',
      { disk: [{ path: '/', freeBytes: null, freePercent: 100 }] },
      /\/ has [\d.]+ % free, 100 %/,
    ],
    [
      'a disk that is not there',
      { disk: [{ path: '/nowhere', freeBytes: 1, freePercent: null }] },
      /can not be looked at \(ENOENT\)/,
    ],
    ['memory', { memoryBytes: 2 ** 60 }, /of memory are available, .* are required/],
    ['load', { load: 0 }, /the load is [\d.]+, at most 0 is allowed|^null$/],
    ['a command', { command: ['true', 'exit 3'] }, /`exit 3` ended with exit code 3/],
    ['a command that is killed', { command: ['kill -9 $$'] }, /ended with SIGKILL/],
    ['a command that is not there', { command: ['nothing-of-this-name'] }, /ended with exit code 127/],
  ];
  for (const [what, wanted, message] of cases) {
    it(`are not met for want of ${what}`, async () => {
      assert.match(String(await unmet(wanted)), message);
    });
  }

  it('of a file say whether it is missing or can not be looked at', async () => {
    writeFileSync(join(folder, 'there'), '');
    assert.match((await unmet({ file: [join(folder, 'there', 'below')] })) ?? '', /is not there$/);
    assert.match((await unmet({ file: ['/'.padEnd(5000, 'x')] })) ?? '', /can not be looked at \(ENAMETOOLONG\)$/);
  });

  it('of a mount take its folder with a slash at the end, too', async () => {
    assert.equal(await unmet({ mount: ['/proc/', '/'] }), null);
  });

  it('of a share of a disk are not met by a file system that has no size', async () => {
    const disk = [{ path: '/proc', freeBytes: null, freePercent: 1 }];
    assert.match((await unmet({ disk })) ?? '', /^\/proc has 0\.0 % free, 1 % are required$/);
  });

  it('of mounts and memory can be looked at where there is no /proc', async () => {
    const { platform } = process;
    Object.defineProperty(process, 'platform', { value: 'darwin' });
    try {
      assert.equal(await unmet({ mount: ['/proc'], memoryBytes: 1 }), null);
      assert.match((await unmet({ mount: [folder] })) ?? '', /nothing is mounted on/);
      assert.match((await unmet({ mount: ['/nowhere'] })) ?? '', /nothing is mounted on/);
      assert.match((await unmet({ memoryBytes: 2 ** 60 })) ?? '', /of memory are available/);
    } finally {
      Object.defineProperty(process, 'platform', { value: platform });
    }
  });

  it('of a command that can not be started are not met', async () => {
    const context = { cwd: folder, env: {}, prefix: ['/nowhere/setpriv'], signal: new AbortController().signal };
    const answer = await unmetRequirement({ ...none, command: ['true'] }, context);
    assert.equal(answer, '`true` could not be started (ENOENT)');
  });

  it('are not asked at all by one who has gone before', async () => {
    const context = { cwd: folder, env: {}, prefix: [], signal: AbortSignal.abort() };
    assert.equal(await unmetRequirement({ ...none, file: ['/nowhere'] }, context), null);
  });

  it('of a command have a time limit, and leave no process', async () => {
    assert.match((await unmet({ command: ['sleep 300 & sleep 300'] }, 100)) ?? '', /ended with SIGKILL/);
    assert.deepEqual(await killLeft(() => processesOf(folder)), []);
  });

  it('are asked no further once nobody wants to know', async () => {
    const asked = new AbortController();
    const context = { cwd: folder, env: { PATH: process.env['PATH'] }, prefix: [], signal: asked.signal };
    const answer = unmetRequirement({ ...none, command: ['sleep 300'] }, context);
    asked.abort();
    assert.equal(await answer, null);
  });
});
