/** Process groups: who is left of a run, and how it is stopped. Source: kill(2), proc(5). */
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

/** Every process of a run carries this variable; it finds those that left the group by setsid. */
export const runMarker = 'UPKEEP_RUN_ID';

/** Pids of all processes that belong to a run, by its marker in their environment (Linux) or by group (elsewhere). */
export async function membersOf(runId: string, group: number | null): Promise<readonly number[]> {
  if (process.platform !== 'linux') return group === null ? [] : byGroup(group);
  const marker = Buffer.from(`\0${runMarker}=${runId}\0`);
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(pids.map(async (pid) => ((await carries(pid, marker)) ? pid : null)));
  return found.filter((pid): pid is number => pid !== null && pid !== process.pid);
}

/** True while this very run's process lives: same pid, and its environment still carries the run's marker (a reused pid does not). */
export async function isAlive(runId: string, pid: number): Promise<boolean> {
  if (process.platform !== 'linux') return signal(pid, 0);
  return carries(pid, Buffer.from(`\0${runMarker}=${runId}\0`));
}

/** What stopping a run came to. */
export interface StopResult {
  /** True when KILL was needed after the grace period. */
  readonly killed: boolean;
  /** Processes that are still there after KILL (uninterruptible sleep). */
  readonly left: readonly number[];
}

/**
 * TERM to every process of the run, up to `graceMs` for them to go, KILL to the rest, then a look that none is left.
 * The wrapper itself only notes TERM; it ends with its child.
 */
export async function stopGroup(runId: string, group: number, graceMs: number): Promise<StopResult> {
  const everyone = await membersOf(runId, group);
  signal(-group, 'SIGTERM');
  for (const pid of everyone) signal(pid, 'SIGTERM');
  if ((await waitUntilGone(runId, group, graceMs)).length === 0) return { killed: false, left: [] };
  signal(-group, 'SIGKILL');
  for (const pid of await membersOf(runId, group)) signal(pid, 'SIGKILL');
  return { killed: true, left: await waitUntilGone(runId, group, 5000) };
}

async function waitUntilGone(runId: string, group: number, withinMs: number): Promise<readonly number[]> {
  // The kernel offers no event for "this group is empty" without a cgroup; hence the short looks.
  const end = performance.now() + withinMs;
  for (;;) {
    const left = await membersOf(runId, group);
    if (left.length === 0 || performance.now() >= end) return left;
    await sleep(50);
  }
}

async function carries(pid: number, marker: Buffer): Promise<boolean> {
  try {
    const environment = await readFile(`/proc/${pid}/environ`);
    if (environment.length === 0) return false;
    return Buffer.concat([Buffer.from('\0'), environment]).includes(marker) && !(await isZombie(pid));
  } catch {
    // Gone meanwhile, or another user's process: not ours.
    return false;
  }
}

async function isZombie(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) === 'Z';
}

async function byGroup(group: number): Promise<readonly number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,pgid=']);
  return stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([pid, pgid]) => (pid !== undefined && pgid === group ? [pid] : []));
}

/** False when there is no such process (or it is not ours to signal). */
function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    return false;
  }
}
