/** The processes of a run: who they are, and how all of them are stopped. Source: kill(2), proc(5), setsid(2). */
import { execFile } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { codeOf } from '../thrown.ts';
import { carries, readEntry, visitProcesses, writesTo, type ProcessEntry } from './processes.ts';

/** Every process of a run carries this variable; it finds those that left the group by setsid. */
export const runMarker = 'UPKEEP_RUN_ID';

/** After KILL a process is gone as soon as the kernel lets go of it; what forks faster than it is found gets this long. */
const killMs = 10_000;
const lingerMs = 300;
const shortestLookMs = 20;
const longestLookMs = 200;

/** Where the processes of a run are known by, beside the marker in their environment. */
export interface RunTraces {
  /** Leader of the group and session that the run was given. */
  readonly group: number | null;
  /** The file that their output goes to: it tells those that cleaned their environment. */
  readonly output?: string;
}

/**
 * Pids of all processes that belong to a run: by the marker in their environment, by group or session, by their output, and
 * the descendants of all these. Elsewhere than on Linux by group alone. Throws when the processes can not be looked at.
 */
export async function membersOf(
  runId: string,
  traces: number | null | RunTraces,
  onFound?: (member: ProcessEntry) => void,
): Promise<readonly number[]> {
  const { group, output: named } =
    typeof traces === 'object' && traces !== null ? traces : { group: traces, output: undefined };
  if (process.platform !== 'linux') return group === null ? [] : byGroup(group);
  const marker = `${runMarker}=${runId}`;
  // Descriptors name the file itself, without the links on the way to it.
  const output = named !== undefined && existsSync(named) ? realpathSync(named) : undefined;
  const everyone: ProcessEntry[] = [];
  const members = new Map<number, ProcessEntry>();
  const add = (entry: ProcessEntry): void => {
    members.set(entry.pid, entry);
    if (!entry.zombie) onFound?.(entry);
  };
  await visitProcesses((entry, last) => {
    const traced =
      (group !== null && (entry.group === group || entry.session === group)) ||
      (output !== undefined && writesTo(entry.pid, output));
    const ours = traced || entry.zombie ? traced : carries(entry.pid, marker);
    if (ours === null && !last) return null;
    everyone.push(entry);
    if (ours === true) add(entry);
    return true;
  });
  for (let more = true; more;) {
    const children = everyone.filter(({ pid, parent }) => members.has(parent) && !members.has(pid));
    for (const child of children) add(child);
    more = children.length > 0;
  }
  return [...members.values()].filter(({ zombie }) => !zombie).map(({ pid }) => pid);
}

/** True while this very run's process lives: same pid, and its environment still carries the run's marker (a reused pid does not). */
export async function isAlive(runId: string, pid: number): Promise<boolean> {
  await Promise.resolve();
  return lives(runId, pid);
}

/** As `isAlive`, at once. */
export function lives(runId: string, pid: number): boolean {
  if (process.platform !== 'linux') return signal(pid, 0);
  const entry = readEntry(pid);
  return entry !== null && !entry.zombie && carries(pid, `${runMarker}=${runId}`) === true;
}

/** The living leader of a run's group, by the marker: for a wrapper that has not written its pid yet. */
export async function leaderOf(runId: string): Promise<number | null> {
  let leader: number | null = null;
  await membersOf(runId, null, (member) => {
    if (member.pid === member.group) leader ??= member.pid;
  });
  return leader;
}

/** What stopping a run came to. */
export interface StopResult {
  /** True when KILL was needed after the grace period. */
  readonly killed: boolean;
  /** Processes that are still there after KILL: in uninterruptible sleep, or of a user whom the agent may not signal. */
  readonly left: readonly number[];
}

/**
 * TERM to every process of the run, up to `graceMs` for them to go, KILL to the rest, then a look that none is left.
 * The wrapper itself only notes TERM; it ends with its child.
 */
export async function stopGroup(runId: string, group: number, graceMs: number, output?: string): Promise<StopResult> {
  const traces: RunTraces = output === undefined ? { group } : { group, output };
  // Once each: many a program takes a second TERM as "at once".
  const outside: number[] = [];
  await membersOf(runId, traces, (member) => {
    if (member.group !== group) outside.push(member.pid);
  });
  signal(-group, 'SIGTERM');
  for (const pid of outside) signal(pid, 'SIGTERM');
  if ((await untilGone(() => membersOf(runId, traces), graceMs)).length === 0) return { killed: false, left: [] };
  signal(-group, 'SIGKILL');
  // Each is killed the moment it is found, and its group with it: what forks on and on must not outrun the look.
  const kill = (member: ProcessEntry): void => {
    signal(member.pid, 'SIGKILL');
    if (member.group > 1 && member.group !== ownGroup()) signal(-member.group, 'SIGKILL');
  };
  return { killed: true, left: await untilGone(() => membersOf(runId, traces, kill), killMs) };
}

/** What a run that has ended by itself left in the background, after a moment for the ends of its pipes to go. */
export async function leftBehind(runId: string, group: number): Promise<readonly number[]> {
  if (!signal(-group, 0)) return [];
  return untilGone(() => membersOf(runId, group), lingerMs);
}

/** Looks until nobody is left or the time is over; the kernel tells nobody that a group is empty, hence the short looks. */
async function untilGone(look: () => Promise<readonly number[]>, withinMs: number): Promise<readonly number[]> {
  const end = performance.now() + withinMs;
  for (let pause = shortestLookMs; ; pause = Math.min(pause * 1.5, longestLookMs)) {
    const left = await look();
    if (left.length === 0 || performance.now() >= end) return left;
    await sleep(Math.min(pause, Math.max(1, end - performance.now())));
  }
}

function ownGroup(): number {
  return process.platform === 'linux' ? (readEntry(process.pid)?.group ?? 0) : 0;
}

async function byGroup(group: number): Promise<readonly number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,pgid=']);
  return stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([pid, pgid]) => (pid !== undefined && pgid === group ? [pid] : []));
}

/** False when there is no such process. One that may not be signalled is there all the same. */
function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}
