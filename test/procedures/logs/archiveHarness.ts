/** A folder with rotated logs and a destination, and archive-logs run on them. */
import { mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import type * as z from 'zod';
import type { logArchive, logSettings } from '../../../agent/config/logs.ts';
import type { ProcedureContext } from '../../../agent/procedures/define.ts';
import { archiveLogs } from '../../../agent/procedures/logs/archiveLogs.ts';
import { part as archiveLogsPart } from '../../../agent/procedures/logs/archiveLogsWork.ts';
import type { ArchiveLogsPart } from '../../../agent/procedures/logs/archiveLogsWork.ts';
import type { Finding } from '../../../agent/protocol/nouns.ts';
import { configuration, createHarness } from './harness.ts';
import type { Harness } from './harness.ts';

export const dayMs = 86_400_000;

export interface ArchiveOutcome {
  readonly outcome: string;
  readonly part: ArchiveLogsPart;
  readonly findings: readonly Finding[];
  readonly lines: readonly string[];
}

export interface ArchiveOptions {
  readonly options?: Record<string, unknown>;
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
  readonly now?: Date;
  readonly logs?: z.input<typeof logSettings>;
}

export type ArchiveConfig = z.input<typeof logArchive>;

export interface ArchiveHarness extends Omit<Harness, 'rotate'> {
  readonly rotate: Harness['rotate'];
  readonly destination: string;
  /** A file that was written last so many days ago. */
  readonly old: (name: string, content: string | Buffer, days?: number) => Promise<void>;
  readonly archive: (config?: ArchiveConfig, options?: ArchiveOptions) => Promise<ArchiveOutcome>;
  /** Names in the destination but that of its lock. */
  readonly archived: () => Promise<string[]>;
  /** Content of every file of every archive, by its path, as tar(1) gives it. Throws when a path is there twice. */
  readonly unpacked: () => Promise<ReadonlyMap<string, string>>;
}

export async function createArchiveHarness(): Promise<ArchiveHarness> {
  const harness = await createHarness();
  const destination = path.join(path.dirname(harness.logs), 'archive');
  const today = Math.floor(Date.now() / 1000) * 1000;
  return {
    ...harness,
    destination,
    old: async (name, content, days = 40) => {
      await mkdir(path.dirname(harness.file(name)), { recursive: true });
      await writeFile(harness.file(name), content);
      const at = new Date(today - days * dayMs);
      await utimes(harness.file(name), at, at);
    },
    archive: (config = {}, options = {}) => archive({ destination, ...config }, options, harness),
    archived: async () =>
      (await readdir(destination).catch(() => [])).filter((name) => !name.startsWith('.upkeep.lock')).sort(),
    unpacked: async () => await unpackAll(destination, path.join(path.dirname(harness.logs), 'unpacked')),
  };
}

export function contextFor(
  logs: z.input<typeof logSettings>,
  harness: Pick<Harness, 'logs' | 'memory'>,
  { dryRun = false, signal, now }: Pick<ArchiveOptions, 'dryRun' | 'signal' | 'now'> = {},
): { context: ProcedureContext; findings: Finding[]; lines: string[] } {
  const findings: Finding[] = [];
  const lines: string[] = [];
  const context: ProcedureContext = {
    config: configuration(logs, harness.logs),
    dryRun,
    signal: signal ?? new AbortController().signal,
    env: process.env,
    memoryDirectory: harness.memory,
    now: () => now ?? new Date(),
    finding: (finding) => findings.push(finding),
    progress: () => undefined,
    print: (line) => lines.push(line),
  };
  return { context, findings, lines };
}

async function archive(
  config: ArchiveConfig,
  { options = {}, logs = {}, ...more }: ArchiveOptions,
  harness: Harness,
): Promise<ArchiveOutcome> {
  const { context, findings, lines } = contextFor({ ...logs, archive: { paths: ['*.log'], ...config } }, harness, more);
  const result = await archiveLogs.execute(options, context);
  return { outcome: result.outcome, part: archiveLogsPart.parse(result.part), findings, lines };
}

async function unpackAll(destination: string, to: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const name of (await readdir(destination)).filter((one) => /^(?:logs|audit)-\d.*\.tar\./.test(one))) {
    await mkdir(to);
    try {
      const unpacker = name.endsWith('.gz') ? '--gzip' : '--zstd';
      execFileSync('tar', ['--extract', unpacker, '--file', path.join(destination, name), '--directory', to]);
      execFileSync('sha256sum', ['--check', '--strict', '--quiet', 'SHA256SUMS'], { cwd: to, stdio: 'pipe' });
      for (const entry of await readdir(to, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile() || entry.name === 'SHA256SUMS') continue;
        const file = path.join(entry.parentPath, entry.name);
        const original = `/${path.relative(to, file)}`;
        if (found.has(original)) throw new Error(`${original} is in two archives`);
        found.set(original, await readFile(file, 'latin1'));
      }
    } finally {
      await rm(to, { recursive: true });
    }
  }
  return found;
}
