/** The files that belong to one log: the log itself and what earlier rotations made of it. */
import { lstatSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { codeOf } from '../../thrown.ts';
import type { LogReport } from './logrotateOutput.ts';
import { endingOf, packedEndings } from './packers.ts';
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

/** What of a log's report tells the names of its generations. */
export type Naming = Pick<LogReport, 'path' | 'renames' | 'target'> & Partial<Pick<LogReport, 'dateGlob'>>;

/** Names of folders, each folder read once: thousands of logs may share one. Good for as long as nothing is renamed. */
export class FolderNames {
  readonly #sorted = new Map<string, readonly string[]>();

  /** Those that begin so. */
  async startingWith(directory: string, prefix: string): Promise<readonly string[]> {
    let names = this.#sorted.get(directory);
    if (names === undefined) {
      names = (await namesIn(directory)).sort((one, other) => (one < other ? -1 : 1));
      this.#sorted.set(directory, names);
    }
    let [low, high] = [0, names.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((names[middle] ?? '') < prefix) low = middle + 1;
      else high = middle;
    }
    let end = low;
    while (names[end]?.startsWith(prefix) === true) end += 1;
    return names.slice(low, end);
  }
}

/** All regular files that are the log or a rotated generation of it, in its folder and wherever logrotate moves them (olddir). */
export async function generationsOf(log: Naming, folders = new FolderNames()): Promise<readonly Generation[]> {
  const { stem, directories } = namesOf(log);
  const found: Generation[] = [];
  for (const directory of directories) {
    for (const name of await folders.startingWith(directory, stem)) {
      const index = indexOf(name, directory, log);
      if (index === undefined) continue;
      const generation = describe(directory === path.sep ? `/${name}` : `${directory}/${name}`, index);
      if (generation !== null) found.push(generation);
    }
  }
  return found;
}

interface Names {
  /** With which all of them begin. */
  readonly stem: string;
  readonly base: string;
  /** Of the log's own name, with the dot; may be empty. */
  readonly extension: string;
  /** Of a date as this log has it. */
  readonly dates: RegExp | null;
  /** Paths that logrotate printed, without the ending of the compression. */
  readonly named: ReadonlySet<string>;
  readonly directories: ReadonlySet<string>;
}

const known = new WeakMap<Naming, Names>();

function namesOf(log: Naming): Names {
  const before = known.get(log);
  if (before !== undefined) return before;
  const base = path.basename(log.path);
  const extension = path.extname(base);
  const stem = extension === '' ? base : base.slice(0, -extension.length);
  const named = new Set<string>();
  for (const { from, to } of log.renames) named.add(withoutEnding(from).plainPath).add(withoutEnding(to).plainPath);
  if (log.target !== null) named.add(log.target);
  const directories = new Set([path.dirname(log.path)]);
  for (const name of named) directories.add(path.dirname(name));
  const dates = log.dateGlob === undefined || log.dateGlob === null ? null : datePattern(log.dateGlob);
  const names = { stem, base, extension, dates, named, directories };
  known.set(log, names);
  return names;
}

/** The number of a generation; null for the log itself and for other generations; undefined = it is neither. */
function indexOf(name: string, directory: string, log: Naming): number | null | undefined {
  const { stem, base, extension, dates, named } = namesOf(log);
  if (name === base && directory === path.dirname(log.path)) return null;
  const plain = withoutEnding(name).plainPath;
  const middles = [
    plain.startsWith(base) ? plain.slice(base.length) : '',
    extension !== '' && plain.endsWith(extension) ? plain.slice(stem.length, -extension.length) : '',
  ];
  for (const middle of middles) {
    const match = wholeSuffix.exec(middle);
    if (match !== null) return match[1] === undefined ? null : Number(match[1]);
    if (dates?.test(middle) === true) return null;
  }
  return named.has(path.join(directory, plain)) ? null : undefined;
}

const datePatterns = new Map<string, RegExp>();

/** What logrotate looks for when it removes dated generations, `-[0-9][0-9]…`, as a regular expression. */
function datePattern(glob: string): RegExp {
  const before = datePatterns.get(glob);
  if (before !== undefined) return before;
  const text = glob
    .split('[0-9]')
    .map((part) => escape(part))
    .join(String.raw`\d`);
  const pattern = new RegExp(`^${text}$`);
  datePatterns.set(glob, pattern);
  return pattern;
}

/** With which logrotate names what it compresses, `.gz` where its report does not tell. */
export function archiveEnding(log: Pick<LogReport, 'compressor' | 'renames'>): string {
  const byProgram = log.compressor === null ? null : endingOf(log.compressor);
  return byProgram ?? log.renames.map(({ to }) => withoutEnding(to).ending).find((one) => one !== null) ?? '.gz';
}

/**
 * Names in `folder` of rotated generations of the logs whose names `isLog` knows, whether the log itself is there or not. A log that is
 * named like a generation itself (`app-20240131.log`) counts as one. `suffix`: of generationSuffix. `any`: there is a log or a generation.
 */
export async function rotatedGenerations(
  folder: string,
  isLog: (name: string) => boolean,
  suffix: string,
): Promise<{ readonly generations: readonly string[]; readonly any: boolean }> {
  const generations: string[] = [];
  let any = false;
  for (const name of await namesIn(folder)) {
    const logs = logsOf(name, suffix);
    const itself = isLog(name);
    if (logs.length > 0 && (itself || logs.some(isLog))) generations.push(name);
    any ||= itself || generations.length > 0;
  }
  return { generations, any };
}

/** Names of the logs of which `name` may be a generation: `app.log.3.gz` and `app-20240131.log` of `app.log`. Empty = of none. */
function logsOf(name: string, suffix: string): readonly string[] {
  const { plainPath } = withoutEnding(name);
  const extension = path.extname(plainPath);
  const found = bases(plainPath, suffix);
  if (extension === '' || /^\.\d+$/.test(extension)) return found;
  return [...found, ...bases(plainPath.slice(0, -extension.length), suffix).map((base) => `${base}${extension}`)];
}

/** What stands before the suffix, read as short and as long as can be. */
function bases(text: string, suffix: string): readonly string[] {
  const found = ['.+?', '.+'].map((base) => new RegExp(`^(${base})${suffix}$`, 's').exec(text)?.[1]);
  return [...new Set(found.filter((base) => base !== undefined))];
}

/** Null when there is no such regular file. Synchronous: a question to the kernel costs less than to ask it from a thread. */
export function describe(file: string, index: number | null = null): Generation | null {
  const stats = lstatSync(file, { bigint: true, throwIfNoEntry: false });
  if (stats?.isFile() !== true) return null;
  return { path: file, key: inodeKey(stats), bytes: Number(stats.size), ...withoutEnding(file), index };
}

/** `.3`, or a date as `-20240131`, `.2024-01-31_23`. */
const usualSuffix = String.raw`\.(\d{1,5})|[-._]\d{4}[-._\d]*`;
const wholeSuffix = new RegExp(`^(?:${usualSuffix})$`);

/** What follows the name of a log in that of a generation, as a regular expression: a number, a date, or one of these forms of dates. */
export function generationSuffix(dateFormats: readonly string[]): string {
  const forms = dateFormats.map((format) =>
    format
      .split(/(%[A-Za-z])/)
      .map((part) => (/^%./.test(part) ? (digits[part] ?? String.raw`\d{2}`) : escape(part)))
      .join(''),
  );
  return `(?:${[usualSuffix, ...forms].join('|')})`;
}

/** Of what logrotate(8) puts into a date; all others are two. */
const digits: Readonly<Record<string, string>> = { '%Y': String.raw`\d{4}`, '%s': String.raw`\d{9,11}` };

export function withoutEnding(file: string): { plainPath: string; ending: string | null } {
  const ending = packedEndings.find((one) => file.endsWith(one)) ?? null;
  return { plainPath: ending === null ? file : file.slice(0, -ending.length), ending };
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return [];
    throw error;
  }
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
