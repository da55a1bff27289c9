/** The files that belong to one log: the log itself and what earlier rotations made of it. */
import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';
import type { LogReport } from './logrotateOutput.ts';
import { inodeKey } from './writers.ts';

export interface Generation {
  readonly path: string;
  /** `dev:ino`. */
  readonly key: string;
  readonly bytes: number;
  /** Path without the ending of the compression. */
  readonly plainPath: string;
  /** `.gz` and the like; null = not compressed. */
  readonly ending: string | null;
  /** Number in `app.log.3.gz`; null for the log itself and for dated names. */
  readonly index: number | null;
}

const endings = ['.gz', '.bz2', '.xz', '.zst', '.lz4', '.Z'];

/** All regular files that are the log or a rotated generation of it, in its folder and wherever logrotate moves them (olddir). */
export async function generationsOf(
  log: Pick<LogReport, 'path' | 'renames' | 'target'>,
): Promise<readonly Generation[]> {
  const base = path.basename(log.path);
  const extension = path.extname(base);
  const stem = base.slice(0, base.length - extension.length);
  const patterns = [new RegExp(`^${escape(base)}${suffix}$`)];
  if (extension !== '' && stem !== '') patterns.push(new RegExp(`^${escape(stem)}${suffix}${escape(extension)}$`));
  const named = new Set(
    log.renames.flatMap(({ from, to }) => [withoutEnding(from).plainPath, withoutEnding(to).plainPath]),
  );
  const directories = new Set([path.dirname(log.path), ...[...named].map((name) => path.dirname(name))]);
  if (log.target !== null) {
    named.add(log.target);
    directories.add(path.dirname(log.target));
  }
  const found: Generation[] = [];
  for (const directory of directories) {
    for (const name of await namesIn(directory)) {
      const file = path.join(directory, name);
      const { plainPath } = withoutEnding(file);
      const plainName = path.basename(plainPath);
      const index = patterns.map((pattern) => pattern.exec(plainName)).find((match) => match !== null)?.[1];
      if (file !== log.path && index === undefined && !named.has(plainPath) && !isDated(plainName, patterns)) continue;
      const generation = await describe(file, index === undefined ? null : Number(index));
      if (generation !== null) found.push(generation);
    }
  }
  return found;
}

/**
 * Names in `folder` of rotated generations of the logs whose names `isLog` knows, whether the log itself is there or not. A log that is
 * named like a generation itself (`app-20240131.log`) counts as one. `any`: there is a log or a generation.
 */
export async function rotatedGenerations(
  folder: string,
  isLog: (name: string) => boolean,
): Promise<{ readonly generations: readonly string[]; readonly any: boolean }> {
  const generations: string[] = [];
  let any = false;
  for (const name of await namesIn(folder)) {
    const logs = logsOf(name);
    const itself = isLog(name);
    if (logs.length > 0 && (itself || logs.some(isLog))) generations.push(name);
    any ||= itself || generations.length > 0;
  }
  return { generations, any };
}

/** Names of the logs of which `name` may be a generation: `app.log.3.gz` and `app-20240131.log` of `app.log`. Empty = of none. */
function logsOf(name: string): readonly string[] {
  const { plainPath } = withoutEnding(name);
  const extension = path.extname(plainPath);
  const found = bases(plainPath);
  if (extension === '' || /^\.\d+$/.test(extension)) return found;
  return [...found, ...bases(plainPath.slice(0, -extension.length)).map((base) => `${base}${extension}`)];
}

/** What stands before the suffix, read as short and as long as can be. */
function bases(text: string): readonly string[] {
  const found = ['.+?', '.+'].map((base) => new RegExp(`^(${base})${suffix}$`, 's').exec(text)?.[1]);
  return [...new Set(found.filter((base) => base !== undefined))];
}

export async function describe(file: string, index: number | null = null): Promise<Generation | null> {
  try {
    const stats = await lstat(file, { bigint: true });
    if (!stats.isFile()) return null;
    return { path: file, key: inodeKey(stats), bytes: Number(stats.size), ...withoutEnding(file), index };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

/** `.3`, or a date as `-20240131`, `.2024-01-31_23`. */
const suffix = String.raw`(?:\.(\d{1,5})|[-._]\d{4}[-._\d]*)`;

function isDated(plainName: string, patterns: readonly RegExp[]): boolean {
  return patterns.some((pattern) => pattern.test(plainName));
}

function withoutEnding(file: string): { plainPath: string; ending: string | null } {
  const ending = endings.find((one) => file.endsWith(one)) ?? null;
  return { plainPath: ending === null ? file : file.slice(0, -ending.length), ending };
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (error instanceof Error && 'code' in error && /^ENO(?:ENT|TDIR)$/.test(String(error.code))) return [];
    throw error;
  }
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
