/** Memory in use: MemAvailable of proc_meminfo(5), or the container's cgroup when that allows less. */
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Finding } from '../../protocol/nouns.ts';
import { formatBytes, percentOf } from './check.ts';
import type { HealthCheck } from './check.ts';

export interface MemoryUsage {
  readonly totalBytes: number;
  readonly availableBytes: number;
  readonly usedPercent: number;
  readonly swapTotalBytes: number;
  readonly swapUsedBytes: number;
  /** Whose limit `totalBytes` is. */
  readonly limit: 'host' | 'container';
}

export function memoryCheck(warningPercent: number): HealthCheck<MemoryUsage> {
  return {
    code: 'memory.usage',
    subject: 'memory',
    timeoutMs: 5_000,
    run: async () => {
      const usage = await measureMemory();
      return { findings: [memoryFinding(usage, warningPercent)], measured: usage };
    },
  };
}

function memoryFinding(usage: MemoryUsage, warningPercent: number): Finding {
  const short = usage.usedPercent >= warningPercent;
  const of = usage.limit === 'container' ? "the container's limit of " : '';
  return {
    level: short ? 'warning' : 'ok',
    code: 'memory.usage',
    subject: 'memory',
    message:
      `${usage.usedPercent} % of ${of}${formatBytes(usage.totalBytes)} memory is in use, ` +
      `${formatBytes(usage.availableBytes)} available${short ? '; restart the largest services or tune their memory settings.' : '.'}`,
    value: usage.usedPercent,
    threshold: warningPercent,
    unit: '%',
  };
}

export async function measureMemory(proc = '/proc', cgroup = '/sys/fs/cgroup'): Promise<MemoryUsage> {
  const host =
    process.platform === 'linux' ? parseMeminfo(await readFile(path.join(proc, 'meminfo'), 'utf8')) : hostByOs();
  const container = await containerMemory(cgroup);
  if (container === null || container.limit >= host.totalBytes) return host;
  const available = Math.max(0, Math.min(container.limit - container.used, host.availableBytes));
  return {
    ...host,
    totalBytes: container.limit,
    availableBytes: available,
    usedPercent: percentOf(container.limit - available, container.limit),
    limit: 'container',
  };
}

export function parseMeminfo(text: string): MemoryUsage {
  const bytes = (key: string) => {
    const value = new RegExp(String.raw`^${key}:\s+(\d+) kB`, 'm').exec(text)?.[1];
    return value === undefined ? null : Number(value) * 1024;
  };
  const total = bytes('MemTotal');
  if (total === null) throw new Error('/proc/meminfo has no MemTotal');
  const available = bytes('MemAvailable') ?? (bytes('MemFree') ?? 0) + (bytes('Cached') ?? 0) + (bytes('Buffers') ?? 0);
  const swap = bytes('SwapTotal') ?? 0;
  return {
    totalBytes: total,
    availableBytes: available,
    usedPercent: percentOf(total - available, total),
    swapTotalBytes: swap,
    swapUsedBytes: swap - (bytes('SwapFree') ?? 0),
    limit: 'host',
  };
}

function hostByOs(): MemoryUsage {
  const [total, available] = [os.totalmem(), os.freemem()];
  const usedPercent = percentOf(total - available, total);
  return {
    totalBytes: total,
    availableBytes: available,
    usedPercent,
    swapTotalBytes: 0,
    swapUsedBytes: 0,
    limit: 'host',
  };
}

/**
 * Limit and use at the top of the cgroup tree that is visible here: inside a container that is the container's. The agent's
 * own cgroup is not asked: a limit of its service says nothing about the host. Cache that can be dropped is not in use.
 */
async function containerMemory(cgroup: string): Promise<{ limit: number; used: number } | null> {
  const versions = [
    { directory: cgroup, limit: 'memory.max', used: 'memory.current', cache: 'inactive_file' },
    {
      directory: path.join(cgroup, 'memory'),
      limit: 'memory.limit_in_bytes',
      used: 'memory.usage_in_bytes',
      cache: 'total_inactive_file',
    },
  ];
  for (const version of versions) {
    const read = async (name: string) => await readFile(path.join(version.directory, name), 'utf8').catch(() => '');
    const limit = Number.parseInt(await read(version.limit), 10);
    const used = Number.parseInt(await read(version.used), 10);
    if (!Number.isFinite(limit) || !Number.isFinite(used)) continue;
    const cache = new RegExp(String.raw`^${version.cache} (\d+)$`, 'm').exec(await read('memory.stat'))?.[1] ?? '0';
    return { limit, used: Math.max(0, used - Number(cache)) };
  }
  return null;
}
