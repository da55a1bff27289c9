/** Programs that archive or rotate a copy of a folder of logs, from their start to their end. */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { findProgram } from '../systemPackages.ts';

const agent = join(import.meta.dirname, '..', '..', 'dist', 'agent.mjs');
const floors = join(import.meta.dirname, 'floor');

export interface Run {
  readonly seconds: number;
  /** Of what was packed; 0 where it is not kept. */
  readonly bytes: number;
  readonly peakBytes: number;
}

/** As archive-logs does, which leaves the machine to its services: on a busy one the same work takes as long for all. */
export function atLowPriority(command: readonly string[]): readonly string[] {
  return ['nice', '-n', '10', ...command];
}

/** Time of a command that must succeed. */
export function seconds([program, ...args]: readonly string[], env: NodeJS.ProcessEnv = process.env): number {
  const begun = performance.now();
  const { status } = spawnSync(program ?? '', args, { stdio: ['ignore', 'ignore', 'inherit'], env });
  const took = (performance.now() - begun) / 1000;
  if (status !== 0) throw new Error(`${program} ended with ${status}`);
  return took;
}

/** The command as it ships; `from` null = there is nothing to archive. */
export function archive(root: string, from: string | null, compression: string): Run {
  return onCopy(root, from, ({ work, logs, env }) => {
    const destination = join(work, 'archive');
    const settings = { paths: [join(logs, '*.log')], destination, compression };
    const config = configFile(work, { archive: settings });
    const took = seconds(
      [process.execPath, '--import', join(floors, 'highWater.mjs'), agent, 'archive-logs', '--config', config],
      env,
    );
    if (readdirSync(logs).length > 0) throw new Error('archive-logs left something');
    return {
      seconds: took,
      bytes: sizeOf(destination, /\.tar\.(?:gz|zst)$/),
      peakBytes: Number(readFileSync(join(work, 'memory'), 'utf8')),
    };
  });
}

/** By the packer; null = not packed. */
export function logrotate(root: string, from: string, packer: 'gzip' | 'zstd' | null): Run {
  return onCopy(root, from, ({ work, logs }) => {
    const config = join(work, 'conf');
    const zstd = `compress\n compresscmd ${findProgram('zstd') ?? 'zstd'}\n compressext .zst\n compressoptions -3 -q`;
    const packing = { gzip: 'compress', zstd, none: 'nocompress' }[packer ?? 'none'];
    writeFileSync(config, `"${logs}/*" {\n rotate 7\n daily\n ${packing}\n create 0644\n}\n`, { mode: 0o600 });
    const command = [findProgram('logrotate') ?? 'logrotate', '-f', '-s', join(work, 'state'), config];
    const took = seconds(packer === null ? command : atLowPriority(command));
    return { seconds: took, bytes: sizeOf(logs, /\.(?:gz|zst)$/), peakBytes: 0 };
  });
}

export function packEach(root: string, from: string): Run {
  return onCopy(root, from, ({ logs }) => {
    const took = seconds(atLowPriority([process.execPath, join(floors, 'pack.mjs'), 'each', logs]));
    return { seconds: took, bytes: sizeOf(logs, /\.gz$/), peakBytes: 0 };
  });
}

const answer = z.object({ outcome: z.literal('changed'), startedAt: z.string(), endedAt: z.string() });

/** rotate-logs: the command, and of it the seconds between its start inside the process and its end. */
export function rotate(root: string, from: string): { readonly run: Run; readonly inside: number } {
  let inside = 0;
  const run = onCopy(root, from, ({ work, logs, env }) => {
    for (const name of readdirSync(logs)) renameSync(join(logs, name), join(logs, name.replace(/\.1$/, '')));
    const rotation = { paths: [join(logs, '*.log')], rotate: 7, compress: false, create: '0644' };
    const config = configFile(work, { rotate: [rotation] });
    const begun = performance.now();
    const { stdout, status } = spawnSync(
      process.execPath,
      [agent, 'rotate-logs', '--force', '--json', '--config', config],
      { stdio: ['ignore', 'pipe', 'ignore'], env, encoding: 'utf8', maxBuffer: 1 << 28 },
    );
    const took = (performance.now() - begun) / 1000;
    if (status !== 0) throw new Error(`rotate-logs ended with ${status}`);
    const { startedAt, endedAt } = answer.parse(JSON.parse(stdout));
    inside = (Date.parse(endedAt) - Date.parse(startedAt)) / 1000;
    return { seconds: took, bytes: 0, peakBytes: 0 };
  });
  return { run, inside };
}

/** What every command costs: Node, and the program loaded with one procedure and its configuration. */
export function startOfCommand(root: string): number {
  return onCopy(root, null, ({ work, env }) => {
    const took = seconds(
      [
        process.execPath,
        agent,
        'archive-logs',
        '--list',
        '--config',
        configFile(work, { archive: { destination: work } }),
      ],
      env,
    );
    return { seconds: took, bytes: 0, peakBytes: 0 };
  }).seconds;
}

interface Work {
  readonly work: string;
  readonly logs: string;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * The copy is on the disk, and the disk is at rest. Else the first that has a file of its own put there waits for the copy too (ext4,
 * data=ordered), and the host of a virtual machine, which writes on for a second or two, takes part of the second core.
 */
function settle(work: string): void {
  for (const command of [
    ['sync', '--file-system', work],
    ['sleep', '3'],
  ])
    seconds(command);
}

function onCopy(root: string, from: string | null, run: (work: Work) => Run): Run {
  const work = mkdtempSync(join(root, 'work-'));
  const logs = join(work, 'logs');
  if (from === null) mkdirSync(logs);
  else cpSync(from, logs, { recursive: true, preserveTimestamps: true });
  settle(work);
  const env = { ...process.env, UPKEEP_STATE: join(work, 'state'), UPKEEP_BENCH_MEMORY: join(work, 'memory') };
  try {
    return run({ work, logs, env });
  } finally {
    rmSync(work, { recursive: true });
  }
}

function configFile(work: string, logs: object): string {
  const file = join(work, 'maintenance.yaml');
  writeFileSync(file, JSON.stringify({ maintenance: { logs } }));
  return file;
}

function sizeOf(folder: string, names: RegExp): number {
  const found = readdirSync(folder).filter((name) => names.test(name));
  return found.reduce((bytes, name) => bytes + statSync(join(folder, name)).size, 0);
}
