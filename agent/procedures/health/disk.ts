/** Fill level of each mounted file system, as df(1) counts it: used / (used + available to others than root). */
import { readFile, statfs } from 'node:fs/promises';
import type { Finding, Remedy } from '../../protocol/nouns.ts';
import { formatBytes, percentOf } from './check.ts';
import type { HealthCheck } from './check.ts';
import { isRemote, realMounts } from './mounts.ts';
import type { Mount } from './mounts.ts';

export interface DiskUsage {
  readonly mount: string;
  readonly device: string;
  readonly type: string;
  readonly totalBytes: number;
  readonly availableBytes: number;
  readonly usedPercent: number;
  /** Null where the file system has no fixed number of inodes. */
  readonly inodesUsedPercent: number | null;
}

/** statfs(2) in the units that it uses itself. */
export interface Space {
  readonly bsize: number;
  readonly blocks: number;
  readonly bfree: number;
  readonly bavail: number;
  readonly files: number;
  readonly ffree: number;
}

export interface DiskLimits {
  readonly warningPercent: number;
  /** Also report inodes that are fine. */
  readonly full: boolean;
}

/** From here on writes begin to fail, whatever the configured threshold. */
const criticalPercent = 95;

export async function listMounts(excluded: readonly string[]): Promise<readonly Mount[]> {
  const mounts =
    process.platform === 'linux'
      ? realMounts(await readFile('/proc/self/mountinfo', 'utf8'))
      : [{ mountPoint: '/', type: process.platform, source: '/', device: '/' }];
  return mounts.filter(({ mountPoint }) => !excluded.includes(mountPoint));
}

export function diskCheck(mount: Mount, limits: DiskLimits): HealthCheck<DiskUsage> {
  return {
    code: 'disk.usage',
    subject: mount.mountPoint,
    timeoutMs: 5_000,
    run: async (signal) => {
      const usage = measure(mount, await spaceOf(mount, signal));
      return { findings: diskFindings(usage, limits), measured: usage };
    },
  };
}

export function diskFindings(usage: DiskUsage, { warningPercent, full }: DiskLimits): readonly Finding[] {
  const findings: Finding[] = [];
  const add = (code: string, what: string, value: number, alwaysToldOf: boolean, advice: string) => {
    const level =
      value >= Math.max(criticalPercent, warningPercent) ? 'critical' : value >= warningPercent ? 'warning' : 'ok';
    if (level === 'ok' && !alwaysToldOf) return;
    findings.push({
      level,
      code,
      subject: usage.mount,
      message: `${usage.mount}: ${value} % of ${what}${level === 'ok' ? '.' : `; ${advice}`}`,
      value,
      threshold: warningPercent,
      unit: '%',
      ...(level === 'ok' ? {} : { remedy: diskFull }),
    });
  };
  const left = `the disk space is used, ${formatBytes(usage.availableBytes)} left`;
  add('disk.usage', left, usage.usedPercent, true, 'clean logs and temporary files, or add storage.');
  if (usage.inodesUsedPercent !== null) {
    add('disk.inodes', 'the inodes are used', usage.inodesUsedPercent, full, 'remove folders of many small files.');
  }
  return findings;
}

export function measure(mount: Mount, space: Space): DiskUsage {
  const used = space.blocks - space.bfree;
  return {
    mount: mount.mountPoint,
    device: mount.source,
    type: mount.type,
    totalBytes: space.blocks * space.bsize,
    availableBytes: space.bavail * space.bsize,
    usedPercent: percentOf(used, used + space.bavail),
    inodesUsedPercent: space.files > 0 ? percentOf(space.files - space.ffree, space.files) : null,
  };
}

const diskFull: Remedy = { procedure: 'rotate-logs', options: { force: true }, title: 'Rotate all logs now' };

/** A dead network file system blocks whoever asks, beyond any kill: that is then a child, not a thread of ours. */
async function spaceOf(mount: Mount, signal: AbortSignal): Promise<Space> {
  if (!isRemote(mount.type)) return await statfs(mount.mountPoint);
  const { execa } = await import('execa');
  const { stdout } = await execa('stat', ['-f', '-c', '%S %b %f %a %c %d', '--', mount.mountPoint], {
    stdin: 'ignore',
    stderr: 'ignore',
    cancelSignal: signal,
    forceKillAfterDelay: 100,
  });
  const [bsize = 0, blocks = 0, bfree = 0, bavail = 0, files = 0, ffree = 0] = stdout.split(' ').map(Number);
  return { bsize, blocks, bfree, bavail, files, ffree };
}
