/** Processor time in use over a second, and load: proc_stat(5), proc_loadavg(5), cgroup quotas. */
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Finding } from '../../protocol/nouns.ts';
import type { HealthCheck } from './check.ts';
import { percentOf } from './check.ts';

export interface CpuUsage {
  readonly usedPercent: number;
  /** Processors that may be used: the container's quota when that is lower than what the host has. */
  readonly cores: number;
  /** Average number of runnable processes over 1, 5 and 15 minutes. */
  readonly load: readonly [number, number, number];
}

/** One reading; only the difference of two means something. */
export interface CpuSample {
  readonly busy: number;
  readonly total: number;
}

const sampleMs = 1_000;

export function cpuCheck(warningPercent: number): HealthCheck<CpuUsage> {
  return {
    code: 'cpu.usage',
    subject: 'cpu',
    timeoutMs: sampleMs + 5_000,
    run: async (signal) => {
      const usage = await measureCpu(signal);
      return { findings: cpuFindings(usage, warningPercent), measured: usage };
    },
  };
}

function cpuFindings(usage: CpuUsage, warningPercent: number): readonly Finding[] {
  const short = usage.usedPercent >= warningPercent;
  const advice = short ? '; find the process with top(1); if it is the database, look for long queries.' : '.';
  const load = Math.round(usage.load[0] * 100) / 100;
  return [
    {
      level: short ? 'warning' : 'ok',
      code: 'cpu.usage',
      subject: 'cpu',
      message: `${usage.usedPercent} % of ${usage.cores} processors is in use${advice}`,
      value: usage.usedPercent,
      threshold: warningPercent,
      unit: '%',
    },
    {
      level: 'ok',
      code: 'cpu.load',
      subject: 'cpu',
      message: `Load ${usage.load.map((value) => value.toFixed(2)).join(', ')} over 1, 5 and 15 minutes on ${usage.cores} processors.`,
      value: load,
      unit: 'processes',
    },
  ];
}

async function measureCpu(signal: AbortSignal, proc = '/proc', cgroup = '/sys/fs/cgroup'): Promise<CpuUsage> {
  const hostCores = os.availableParallelism();
  const quota = await containerQuota(cgroup);
  const contained = quota !== null && quota < hostCores;
  const cores = contained ? quota : hostCores;
  const read = contained ? () => containerSample(cgroup, cores) : () => hostSample(proc);
  const before = await read();
  await sleep(sampleMs, undefined, { signal });
  const usedPercent = share(before, await read());
  const [one = 0, five = 0, fifteen = 0] = os.loadavg();
  return { usedPercent, cores, load: [one, five, fifteen] };
}

export function share(before: CpuSample, after: CpuSample): number {
  const busy = Math.max(0, after.busy - before.busy);
  return Math.min(100, percentOf(busy, after.total - before.total));
}

/** First line of /proc/stat, in clock ticks. Waiting for disks (iowait) is not work; guest time is part of user time. */
export function parseStat(text: string): CpuSample {
  const fields = /^cpu +(.+)$/m.exec(text)?.[1]?.split(' ').map(Number);
  if (fields === undefined) throw new Error('/proc/stat has no cpu line');
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = fields;
  const busy = user + nice + system + irq + softirq + steal;
  return { busy, total: busy + idle + iowait };
}

async function hostSample(proc: string): Promise<CpuSample> {
  if (process.platform === 'linux') return parseStat(await readFile(path.join(proc, 'stat'), 'utf8'));
  let [busy, total] = [0, 0];
  for (const { times } of os.cpus()) {
    busy += times.user + times.nice + times.sys + times.irq;
    total += times.user + times.nice + times.sys + times.irq + times.idle;
  }
  return { busy, total };
}

/** Processors' worth of time that the container may use; null without a quota. cgroup v2, then v1. */
async function containerQuota(cgroup: string): Promise<number | null> {
  const [quota, period] = (await text(cgroup, 'cpu.max')).split(' ').map(Number);
  if (quota !== undefined && period !== undefined && quota > 0 && period > 0) return quota / period;
  const quota1 = Number.parseInt(await text(cgroup, 'cpu/cpu.cfs_quota_us'), 10);
  const period1 = Number.parseInt(await text(cgroup, 'cpu/cpu.cfs_period_us'), 10);
  return quota1 > 0 && period1 > 0 ? quota1 / period1 : null;
}

/** In microseconds of processor time. */
async function containerSample(cgroup: string, cores: number): Promise<CpuSample> {
  const total = performance.now() * 1000 * cores;
  const used = /^usage_usec (\d+)$/m.exec(await text(cgroup, 'cpu.stat'))?.[1];
  if (used !== undefined) return { busy: Number(used), total };
  const nanoseconds = Number.parseInt(await text(cgroup, 'cpuacct/cpuacct.usage'), 10);
  if (!Number.isFinite(nanoseconds)) throw new Error('the container does not tell its use of processor time');
  return { busy: nanoseconds / 1000, total };
}

async function text(directory: string, name: string): Promise<string> {
  return (await readFile(path.join(directory, name), 'utf8').catch(() => '')).trim();
}
