/** From named files, folders and globs to the logs that are read, each with its rotated generations where they are wanted. */
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, matchesGlob } from 'node:path';
import { codeOf, messageOf } from '../../../thrown.ts';
import { placesOf } from '../../pattern.ts';
import { generationsOf, generationSuffix, rotatedGenerations } from '../generations.ts';
import { logsInOlddir, type LogRotation } from '../logrotateConfig.ts';
import { standardInput } from './source.ts';

export interface LogPlace {
  /** What it is reported as: the path of the log. */
  readonly source: string;
  /** Oldest first. */
  readonly files: readonly string[];
}

export interface Places {
  readonly logs: readonly LogPlace[];
  /** Patterns that lead to nothing, each with the reason as a sentence. */
  readonly failures: readonly { readonly source: string; readonly reason: string }[];
}

const mostFiles = 10_000;
const deepest = 6;
/** Rotated generations by their names, for configured folders and globs: they belong to their log. */
const rotated = /(?:\.\d{1,5}|[-.]\d{8}(?:-\d+)?|[-.]\d{4}-\d\d-\d\d[-_\d]*)(?:\.log)?(?:\.(?:gz|zst|bz2|xz|lz4))?$/;
/** Logs of other programs that are no text, and what archive-logs writes beside its archives. */
const notText =
  /^(?:wtmp|btmp|lastlog|faillog|tallylog|README)(?:[.-].*)?$|\.(?:journal~?|db|sqlite3?|pcap|upkeep(?:\.lock)?)$|^\.?(?:logs|audit)-[-\dT]{17}Z(?:-\d+)?\.(?:pending\.)?json$/;

interface Failure {
  readonly source: string;
  readonly reason: string;
}

export interface Wanted {
  /** Of each log, when `since` is given: those that may hold something as young. */
  readonly generations: boolean;
  /** Milliseconds; `-Infinity` = not given. */
  readonly since: number;
  /** `logs.rotate`: how generations are called, and in which folders they are. */
  readonly rotations: readonly LogRotation[];
}

/** `patterns`, and the paths of rotations, are absolute. */
export async function findLogs(patterns: readonly string[], given: Wanted): Promise<Places> {
  const files = new Set<string>();
  const failures: Failure[] = [];
  const logs: LogPlace[] = [];
  for (const pattern of patterns) {
    if (pattern === standardInput) {
      logs.push({ source: 'standard input', files: [pattern] });
      continue;
    }
    try {
      const found = await expand(pattern, failures);
      const kept = given.generations ? withoutGenerations(found) : found;
      if (kept.length === 0) failures.push({ source: pattern, reason: noLog(pattern) });
      for (const file of kept) files.add(file);
    } catch (error) {
      failures.push({ source: pattern, reason: reasonOf(pattern, error) });
    }
  }
  for (const source of files) {
    logs.push({ source, files: given.generations ? await youngOf(source, given) : [source] });
  }
  return { logs, failures };
}

/** A sentence for an error of the file system. */
export function reasonOf(path: string, error: unknown): string {
  const code = codeOf(error);
  if (code === 'ENOENT') return noLog(path);
  if (code === 'EACCES' || code === 'EPERM')
    return `${path} may not be read; run Upkeep as root or give its user the right.`;
  return `${path} can not be read: ${messageOf(error)}`;
}

/** What keeps single folders of it from being read goes to `failures`. */
async function expand(pattern: string, failures: Failure[]): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { path, named, stats } of placesOf(pattern)) {
    if (stats?.isDirectory() === true) found.push(...(await filesIn(path, failures)));
    else if (named || (stats?.isFile() === true && !notText.test(basename(path)))) found.push(path);
    if (found.length <= mostFiles) continue;
    failures.push({ source: pattern, reason: tooMany(pattern) });
    break;
  }
  return found.sort();
}

async function filesIn(top: string, failures: Failure[]): Promise<readonly string[]> {
  const found: string[] = [];
  const folders = [{ path: top, depth: 0 }];
  let tooDeep: string | null = null;
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    if (found.length >= mostFiles) {
      failures.push({ source: top, reason: tooMany(top) });
      break;
    }
    for (const entry of await entriesOf(folder, failures)) {
      const path = join(folder.path, entry.name);
      if (entry.isDirectory()) {
        if (folder.depth < deepest) folders.push({ path, depth: folder.depth + 1 });
        else tooDeep ??= path;
        continue;
      }
      if (notText.test(entry.name)) continue;
      // Links lead to logs where containers run: /var/log/containers holds nothing else.
      const isLog =
        entry.isFile() || (entry.isSymbolicLink() && (await stat(path).catch(() => null))?.isFile() === true);
      if (isLog) found.push(path);
    }
  }
  if (tooDeep !== null) {
    const reason = `Folders more than ${deepest} below ${top} are not read, such as ${tooDeep}; name them by themselves.`;
    failures.push({ source: top, reason });
  }
  return found.sort();
}

/** Of a folder below the one that was named: /var/log has some that are closed to most users, and the others are read all the same. */
async function entriesOf(
  { path, depth }: { readonly path: string; readonly depth: number },
  failures: Failure[],
): Promise<readonly Dirent[]> {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    if (depth === 0) throw error;
    failures.push({ source: path, reason: reasonOf(path, error) });
    return [];
  }
}

function tooMany(place: string): string {
  return `${place} holds more than ${mostFiles} logs, of which the others are not read; name them in parts.`;
}

/** `app.log.1.gz` → `app.log`. */
export function withoutGeneration(name: string): string {
  const match = rotated.exec(name);
  if (match === null) return name;
  return `${name.slice(0, match.index)}${match[0].includes('.log') ? '.log' : ''}`;
}

/** Without `app.log.1.gz` where `app.log` is there too. */
function withoutGenerations(files: readonly string[]): readonly string[] {
  const names = new Set(files);
  return files.filter((file) => {
    const match = rotated.exec(file);
    if (match === null) return true;
    const log = file.slice(0, match.index);
    return !names.has(log) && !names.has(`${log}.log`);
  });
}

async function youngOf(source: string, { since, rotations }: Wanted): Promise<readonly string[]> {
  if (since === Number.NEGATIVE_INFINITY) return [source];
  const usual = await generationsOf({ path: source, renames: [], target: null });
  const generations = new Set([...usual.map(({ path }) => path), ...(await configuredOf(source, rotations))]);
  const young: { path: string; time: number }[] = [];
  for (const path of generations) {
    const stats = await stat(path).catch(() => null);
    if (stats === null) continue;
    if (path === source) young.push({ path, time: Number.POSITIVE_INFINITY });
    // What was last written before `since` holds nothing as young.
    else if (stats.mtimeMs >= since) young.push({ path, time: stats.mtimeMs });
  }
  if (!young.some(({ path }) => path === source)) young.push({ path: source, time: Number.POSITIVE_INFINITY });
  return young.sort((one, other) => one.time - other.time).map(({ path }) => path);
}

/** Generations whose folder or names are those that `logs.rotate` gives them (olddir, dateformat). */
async function configuredOf(source: string, rotations: readonly LogRotation[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const rotation of rotations) {
    const { paths, olddir, dateformat } = rotation;
    const own = paths.filter((pattern) => pattern === source || matchesGlob(source, pattern));
    if (own.length === 0 || (olddir === undefined && dateformat === undefined)) continue;
    const [apart] = logsInOlddir({ paths: [source], olddir });
    const folder = dirname(apart ?? source);
    const suffix = generationSuffix(dateformat === undefined ? [] : [dateformat]);
    const { generations } = await rotatedGenerations(folder, (name) => name === basename(source), suffix);
    found.push(...generations.map((name) => join(folder, name)));
  }
  return found;
}

function noLog(path: string): string {
  return `There is no log at ${path}; correct --file, or logs.analyze.files of maintenance.yaml.`;
}
