/** Loads texts with a few procedures of known options, without a file unless a test wants one. */
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { loadConfig, type LoadResult } from '../../agent/config/load.ts';
import { duration } from '../../agent/config/units.ts';
import { defineProcedure, type AnyProcedure } from '../../agent/procedures/define.ts';
import type { Environment } from '../../agent/config/variables.ts';

function procedure(name: string, changes: boolean, options: z.ZodRawShape, aliases: string[] = []): AnyProcedure {
  return defineProcedure({
    name,
    aliases,
    area: 'database',
    title: name,
    summary: name,
    changes,
    settings: [],
    options: z.object(options),
    work: () =>
      Promise.resolve({
        part: z.object({}),
        run: () => Promise.resolve({ outcome: 'unchanged', part: {} }),
      }),
  });
}

const all = [
  procedure('database-daily-maintenance', true, { database: z.array(z.string()).optional() }),
  procedure('rotate-logs', true, { force: z.boolean().default(false), config: z.string().optional() }),
  procedure('check-certificates', false, {
    domain: z.array(z.string()).optional(),
    warnDays: z.int().min(0).optional(),
    longerThan: duration.optional(),
  }),
  procedure('health-check', false, { full: z.boolean().default(false) }, ['system-health-check']),
];

export const procedures: ReadonlyMap<string, AnyProcedure> = new Map(
  all.flatMap((one) => [one.name, ...(one.aliases ?? [])].map((name) => [name, one] as const)),
);

export const seedText = await readFile(new URL('seedMaintenance.yaml', import.meta.url), 'utf8');

/** Nothing exists below this folder. */
export const nowhere = '/nonexistent-upkeep';

export function load(text: string, env: Environment = {}, file = join(nowhere, 'maintenance.yaml')): LoadResult {
  return loadConfig({ file, text, env, procedures });
}

/** `3:5 error unknown-key` for each diagnostic. */
export function places(result: LoadResult): string[] {
  return result.diagnostics.map(({ line, column, severity, code }) => `${line}:${column} ${severity} ${code}`);
}

/** The only message; fails when there are more. */
export function onlyMessage(result: LoadResult): string {
  const [first, ...others] = result.diagnostics;
  if (first === undefined || others.length > 0) throw new Error(`one diagnostic wanted: ${places(result).join(', ')}`);
  return first.message;
}

/** A file with these lines below `maintenance:` and two spaces before each. */
export function maintenance(...lines: string[]): string {
  return ['maintenance:', ...lines.map((line) => `  ${line}`), ''].join('\n');
}

/** A file with one task, its lines given without indentation. */
export function task(...lines: string[]): string {
  return maintenance('automated_tasks:', ...lines.map((line, index) => `  ${index === 0 ? '- ' : '  '}${line}`));
}

/** Gives the test a folder (real path) and removes it afterwards. */
export async function withFolder<T>(work: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'upkeep-test-')));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A log that keeps silent. */
export const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
