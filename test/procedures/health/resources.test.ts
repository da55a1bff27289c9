import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runCheck } from '../../../agent/procedures/health/check.ts';
import { parseStat, share } from '../../../agent/procedures/health/cpu.ts';
import { diskFindings, measure } from '../../../agent/procedures/health/disk.ts';
import { measureMemory, parseMeminfo } from '../../../agent/procedures/health/memory.ts';
import { isRemote, realMounts } from '../../../agent/procedures/health/mounts.ts';
import { clockFinding, rebootFinding, unitsFinding } from '../../../agent/procedures/health/system.ts';
import type { Finding } from '../../../agent/protocol/nouns.ts';

const meminfo = 'MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 250 kB\nSwapTotal: 400 kB\nSwapFree: 300 kB\n';

describe('mounts', () => {
  const line = (device: string, point: string, type: string, options = 'rw', root = '/') =>
    `30 1 ${device} ${root} ${point} ${options},relatime shared:1 - ${type} /dev/x rw`;

  it('are the real ones: no pseudo or read-only file systems, bind mounts once, overlay only as root', () => {
    const mounts = realMounts(
      [
        line('8:1', '/', 'ext4'),
        line('8:1', '/srv/bind', 'ext4', 'rw', '/data'),
        line('0:5', '/proc', 'proc'),
        line('0:6', '/run', 'tmpfs'),
        line('0:7', '/tmp', 'tmpfs'),
        line('7:1', '/snap/core', 'squashfs', 'ro'),
        line('0:8', '/var/lib/docker/overlay2/x/merged', 'overlay'),
        line('8:2', String.raw`/mnt/a\040b`, 'xfs'),
        line('8:3', '/mnt/image', 'ext4', 'ro'),
        'garbage',
      ].join('\n'),
    );
    assert.deepEqual(
      mounts.map(({ mountPoint }) => mountPoint),
      ['/', '/mnt/a b', '/tmp'],
    );
    assert.deepEqual(
      realMounts(line('0:9', '/', 'overlay')).map(({ mountPoint }) => mountPoint),
      ['/'],
    );
  });

  it('behind a network are known', () => {
    assert.deepEqual(['nfs4', 'cifs', 'fuse.sshfs', 'ext4', 'xfs'].map(isRemote), [true, true, true, false, false]);
  });
});

describe('disk usage', () => {
  const mount = { mountPoint: '/d', type: 'ext4', source: '/dev/x', device: '8:1' };
  const usage = (bfree: number, bavail: number, files = 100, ffree = 50) =>
    measure(mount, { bsize: 4096, blocks: 1000, bfree, bavail, files, ffree });
  const findings = (bavail: number, full = false) =>
    diskFindings(usage(bavail + 50, bavail), { warningPercent: 80, full });

  it('is counted as df counts it, without the blocks that are kept for root', () => {
    assert.equal(usage(250, 200).usedPercent, 78.9);
    assert.equal(usage(250, 200).availableBytes, 200 * 4096);
    assert.equal(usage(250, 200, 0, 0).inodesUsedPercent, null);
  });

  it('is ok below, a warning from the threshold on, critical from 95 % on', () => {
    assert.deepEqual(
      [400, 150, 20].map((bavail) => findings(bavail)[0]?.level),
      ['ok', 'warning', 'critical'],
    );
  });

  it('tells inodes that are fine only when asked for all', () => {
    assert.deepEqual(
      [false, true].map((full) => findings(400, full).map(({ code }) => code)),
      [['disk.usage'], ['disk.usage', 'disk.inodes']],
    );
    assert.equal(diskFindings(usage(500, 450, 100, 10), { warningPercent: 80, full: false })[1]?.level, 'warning');
  });
});

describe('memory usage', () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'upkeep-memory-'));
    await writeFile(path.join(root, 'meminfo'), meminfo);
    await mkdir(path.join(root, 'cgroup', 'memory'), { recursive: true });
  });
  afterEach(() => rm(root, { recursive: true }));
  const set = (name: string, text: string) => writeFile(path.join(root, 'cgroup', name), text);
  const measured = () => measureMemory(root, path.join(root, 'cgroup'));

  it('is what is not available, cache that can be dropped apart', () => {
    const usage = parseMeminfo(meminfo);
    assert.deepEqual([usage.usedPercent, usage.availableBytes, usage.swapUsedBytes], [75, 250 * 1024, 100 * 1024]);
    assert.throws(() => parseMeminfo(''), /MemTotal/);
  });

  if (process.platform === 'linux') {
    it('is that of the container where its limit is lower (cgroup v2)', async () => {
      await set('memory.max', `${400 * 1024}\n`);
      await set('memory.current', `${300 * 1024}\n`);
      await set('memory.stat', `anon 5\ninactive_file ${100 * 1024}\n`);
      const usage = await measured();
      assert.deepEqual([usage.limit, usage.totalBytes, usage.usedPercent], ['container', 400 * 1024, 50]);
    });

    it('is that of the container where its limit is lower (cgroup v1)', async () => {
      await set('memory/memory.limit_in_bytes', `${400 * 1024}\n`);
      await set('memory/memory.usage_in_bytes', `${300 * 1024}\n`);
      await set('memory/memory.stat', 'total_inactive_file 0\n');
      assert.equal((await measured()).usedPercent, 75);
    });

    it('is that of the host where the container has no limit', async () => {
      await set('memory.max', 'max\n');
      await set('memory.current', '5\n');
      await set('memory/memory.limit_in_bytes', '9223372036854771712\n');
      await set('memory/memory.usage_in_bytes', '5\n');
      assert.equal((await measured()).limit, 'host');
    });
  }
});

describe('processor usage', () => {
  it('counts work, steal included, and not waiting for disks', () => {
    const before = parseStat('cpu  100 0 100 1000 100 0 0 0 0 0\ncpu0 1 1 1 1\n');
    const after = parseStat('cpu  120 5 110 1040 120 2 1 2 9 9\n');
    assert.equal(share(before, after), 40);
    assert.equal(share(after, before), 0);
    assert.throws(() => parseStat('intr 5'), /cpu line/);
  });
});

describe('the system', () => {
  it('tells a clock that runs free, failed units and a pending reboot', () => {
    assert.deepEqual(
      ['yes', 'no', null].map((state) => clockFinding(state).level),
      ['ok', 'warning', 'info'],
    );
    assert.deepEqual(
      [[], ['a.service'], null].map((units) => unitsFinding(units).level),
      ['ok', 'warning', 'info'],
    );
    assert.deepEqual(
      [null, ['linux-image']].map((packages) => rebootFinding(packages).level),
      ['ok', 'warning'],
    );
    assert.match(rebootFinding(['linux-image']).message, /linux-image/);
  });
});

describe('one check of many', () => {
  const base = { code: 'x.y', subject: 'x', timeoutMs: 20 };
  const { signal } = new AbortController();

  it('that hangs is left behind with a finding', async () => {
    const findings: Finding[] = [];
    const never = { ...base, run: () => new Promise<never>(() => undefined) };
    assert.equal(await runCheck(never, (finding) => findings.push(finding), signal), null);
    assert.equal(findings[0]?.level, 'warning');
    assert.match(findings[0].message, /no answer within 0\.02 s/);
  });

  it('that fails says why', async () => {
    const findings: Finding[] = [];
    const failing = { ...base, run: () => Promise.reject(new Error('no such thing.')) };
    assert.equal(await runCheck(failing, (finding) => findings.push(finding), signal), null);
    assert.equal(findings[0]?.message, 'Could not look at x: no such thing.');
  });
});
