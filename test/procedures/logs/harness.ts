/** A folder with logs, and rotate-logs run on it by the real logrotate. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as z from 'zod';
import type { logSettings } from '../../../agent/config/logs.ts';
import { sections } from '../../../agent/config/schema.ts';
import type { Config } from '../../../agent/config/schema.ts';
import type { ProcedureContext } from '../../../agent/procedures/define.ts';
import { rotateLogs } from '../../../agent/procedures/logs/rotateLogs.ts';
import { part as rotateLogsPart } from '../../../agent/procedures/logs/rotateLogsWork.ts';
import type { RotateLogsPart } from '../../../agent/procedures/logs/rotateLogsWork.ts';
import type { Finding } from '../../../agent/protocol/nouns.ts';

export interface Outcome {
  readonly outcome: string;
  readonly files: RotateLogsPart['files'];
  readonly findings: readonly Finding[];
  readonly lines: readonly string[];
}

export interface RunOptions {
  readonly force?: boolean;
  readonly config?: string;
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
  readonly env?: Record<string, string | undefined>;
}

export interface Harness {
  readonly logs: string;
  readonly memory: string;
  file: (name: string) => string;
  write: (name: string, text: string) => Promise<void>;
  read: (name: string) => Promise<string>;
  names: () => Promise<string[]>;
  /** What the files that are not empty hold, unpacked, sorted; those in folders too. */
  contents: () => Promise<string[]>;
  rotate: (settings: z.input<typeof logSettings>, options?: RunOptions) => Promise<Outcome>;
  remove: () => Promise<void>;
}

/** `places`: folders that are there already, instead of new ones. */
export async function createHarness(places: { logs?: string; memory?: string } = {}): Promise<Harness> {
  const root = await mkdtemp(path.join(tmpdir(), 'upkeep-rotate-'));
  const { logs = path.join(root, 'logs'), memory = path.join(root, 'memory') } = places;
  await mkdir(logs, { mode: 0o755, recursive: true });
  await mkdir(memory, { mode: 0o700, recursive: true });
  const file = (name: string) => path.join(logs, name);
  return {
    logs,
    memory,
    file,
    write: (name, text) => writeFile(file(name), text),
    read: (name) => readLog(file(name)),
    names: async () => (await readdir(logs)).sort(),
    contents: async () => {
      const entries = await readdir(logs, { withFileTypes: true, recursive: true });
      const texts = entries
        .filter((entry) => entry.isFile())
        .map(({ parentPath, name }) => readLog(path.join(parentPath, name)));
      return (await Promise.all(texts)).filter((text) => text !== '').sort();
    },
    rotate: (settings, options = {}) => rotate(settings, options, logs, memory),
    remove: () => rm(root, { recursive: true, force: true }),
  };
}

const readers: Readonly<Record<string, string>> = { '.gz': 'gzip', '.zst': 'zstd', '.xz': 'xz', '.bz2': 'bzip2' };

/** As the program of its ending unpacks it. Throws when it is damaged. */
async function readLog(file: string): Promise<string> {
  const program = readers[path.extname(file)];
  if (program === undefined) return await readFile(file, 'utf8');
  return execFileSync(program, ['-dc', file], { maxBuffer: 1 << 30 }).toString();
}

export function configuration(settings: z.input<typeof logSettings>, baseDirectory: string): Config {
  const parsed = z.strictObject(sections).parse({ logs: settings });
  return { ...parsed, checks: parsed.checks, host_name: parsed.host_name, tasks: [], baseDirectory };
}

async function rotate(
  settings: z.input<typeof logSettings>,
  { force = false, config, dryRun = false, signal, env = process.env }: RunOptions,
  logs: string,
  memory: string,
): Promise<Outcome> {
  const findings: Finding[] = [];
  const lines: string[] = [];
  const context: ProcedureContext = {
    config: configuration(settings, logs),
    dryRun,
    signal: signal ?? new AbortController().signal,
    env,
    memoryDirectory: memory,
    now: () => new Date(),
    finding: (finding) => findings.push(finding),
    progress: () => undefined,
    print: (line) => lines.push(line),
  };
  const result = await rotateLogs.execute({ force, ...(config === undefined ? {} : { config }) }, context);
  return { outcome: result.outcome, files: rotateLogsPart.parse(result.part).files, findings, lines };
}

export function levels(outcome: Outcome, code: string): string[] {
  return outcome.findings.filter((finding) => finding.code === code).map(({ level }) => level);
}

export function only<Item>(items: readonly Item[]): Item {
  assert.equal(items.length, 1);
  return items[0]!;
}
