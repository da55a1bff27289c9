/** What a task wants of its host before it starts. Each look has a time limit of its own: a dead NFS mount must not hold the queue. */
import { spawn } from 'node:child_process';
import { readFile, stat, statfs } from 'node:fs/promises';
import { freemem, loadavg } from 'node:os';
import { formatBytes } from '../config/units.ts';
import { causeOf, codeOf } from '../thrown.ts';
import type { Requirements } from './settings.ts';

const lookMs = 10_000;

export interface RequireContext {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Words before a command that make it run as the task's user. */
  readonly prefix: readonly string[];
  readonly signal: AbortSignal;
  /** Time limit of each look in milliseconds; 10 s when not given. */
  readonly lookMs?: number;
}

/** What a run waits for meanwhile. */
export const lookingAtRequirements = {
  waitingFor: 'requires',
  waitingReason: 'its requirements are being looked at',
  waitingUntil: null,
} as const;

/** The first requirement that is not met, as the end of a sentence; null = all are. */
export async function unmetRequirement(wanted: Requirements, context: RequireContext): Promise<string | null> {
  const looks: (() => Promise<string | null>)[] = [
    ...wanted.file.map((file) => () => lackOfFile(file)),
    ...wanted.mount.map((mount) => () => lackOfMount(mount)),
    ...wanted.disk.map((disk) => () => lackOfSpace(disk)),
    () => Promise.resolve(tooMuchLoad(wanted.load)),
    () => lackOfMemory(wanted.memoryBytes),
    ...wanted.command.map((command) => () => failingCommand(command, context)),
  ];
  for (const look of looks) {
    const unmet = await within(look(), context.lookMs ?? lookMs, context.signal);
    if (unmet !== null) return unmet;
    if (context.signal.aborted) return null;
  }
  return null;
}

async function lackOfFile(file: string): Promise<string | null> {
  try {
    await stat(file);
    return null;
  } catch (error) {
    return `the file ${file} ${isMissing(error) ? 'is not there' : `can not be looked at (${causeOf(error)})`}`;
  }
}

/** A mount point in /proc/self/mountinfo (proc(5)); elsewhere a folder on another device than the one above it. */
async function lackOfMount(path: string): Promise<string | null> {
  const lack = `nothing is mounted on ${path}`;
  if (process.platform !== 'linux') {
    const [here, above] = await Promise.all([stat(path), stat(`${path}/..`)]).catch(() => [null, null]);
    return here !== null && above !== null && here.dev !== above.dev ? null : lack;
  }
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  const points = lines.map((line) => unescaped(line.split(' ')[4] ?? ''));
  return points.includes(withoutSlash(path)) ? null : lack;
}

async function lackOfSpace(disk: Requirements['disk'][number]): Promise<string | null> {
  let found;
  try {
    found = await statfs(disk.path);
  } catch (error) {
    return `the file system of ${disk.path} can not be looked at (${causeOf(error)})`;
  }
  // What an ordinary user may still write: `bavail` leaves out root's reserve (statfs(2)).
  const free = found.bavail * found.bsize;
  const all = (found.blocks - found.bfree + found.bavail) * found.bsize;
  if (disk.freeBytes !== null && free < disk.freeBytes) {
    return `${disk.path} has ${formatBytes(free)} free, ${formatBytes(disk.freeBytes)} are required`;
  }
  const percent = all === 0 ? 0 : (free / all) * 100;
  if (disk.freePercent === null || percent >= disk.freePercent) return null;
  return `${disk.path} has ${percent.toFixed(1)} % free, ${disk.freePercent} % are required`;
}

function tooMuchLoad(most: number | null): string | null {
  const [load = 0] = loadavg();
  return most === null || load <= most ? null : `the load is ${load.toFixed(2)}, at most ${most} is allowed`;
}

async function lackOfMemory(least: number | null): Promise<string | null> {
  if (least === null) return null;
  const text = process.platform === 'linux' ? await readFile('/proc/meminfo', 'utf8') : '';
  // MemAvailable counts what the kernel gives back at once (proc(5)).
  const available = /^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1];
  const free = available === undefined ? freemem() : Number(available) * 1024;
  return free >= least ? null : `${formatBytes(free)} of memory are available, ${formatBytes(least)} are required`;
}

/** A line for sh that must end with 0. It leads a group of its own, which is killed with it. */
function failingCommand(command: string, context: RequireContext): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>();
  const [file, ...args] = [...context.prefix, '/bin/sh', '-c', command] as const;
  const child = spawn(file, args, { cwd: context.cwd, env: context.env, stdio: 'ignore', detached: true });
  const kill = (): void => {
    if (child.pid !== undefined) killGroup(child.pid);
  };
  const timer = setTimeout(kill, context.lookMs ?? lookMs);
  context.signal.addEventListener('abort', kill, { once: true });
  const over = (answer: string | null): void => {
    clearTimeout(timer);
    context.signal.removeEventListener('abort', kill);
    kill();
    resolve(answer);
  };
  child.once('error', (error) => {
    over(`\`${command}\` could not be started (${causeOf(error)})`);
  });
  child.once('exit', (code, signal) => {
    over(code === 0 ? null : `\`${command}\` ended with ${signal ?? `exit code ${code ?? 0}`}`);
  });
  return promise;
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // Nobody is left in it.
  }
}

/** A look that takes too long counts as not met; one that is taken back as met, since nobody asks any more. */
async function within(look: Promise<string | null>, ms: number, signal: AbortSignal): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>();
  // Somewhat longer than a command gets, which then has its own words.
  const timer = setTimeout(() => {
    resolve(`a look at the requirements took longer than ${(ms / 1000).toFixed(0)} s`);
  }, ms + 500);
  const abort = (): void => {
    resolve(null);
  };
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await Promise.race([look, promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}

/** Blanks and backslashes of mountinfo are written as octal (proc(5)). */
function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

function withoutSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(codeOf(error));
}
