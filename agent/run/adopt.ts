/** Runs that another agent has started: whether they began, and their end, though their process is not our child. */
import { watch } from 'node:fs';
import type { Run } from '../protocol/nouns.ts';
import type { Clock } from '../schedule/clock.ts';
import { causeOf } from '../thrown.ts';
import type { Launch, RunDirectory } from './directory.ts';
import { leaderOf } from './group.ts';
import { isShortage, startProblem } from './startProblem.ts';

/** A process that is not our child sends no signal of its end; it is looked at so often, for the case that it leaves no exit.json. */
const lookEveryMs = 2000;
/** Once there is an exit.json its wrapper goes at once, and is looked at so soon, then less and less often. */
const soonMs = 20;

/** What another agent left of an open run. */
export interface LeftRun {
  /** Null = it can not be had: the run can be watched and ended, not started. */
  readonly launch: Launch | null;
  /** False = no command of it has run. */
  readonly began: boolean;
  /** What is wrong with its folder, one clause; null = nothing. */
  readonly problem: string | null;
}

/** Throws only for a shortage of this moment (EMFILE), which is no word about this run. */
export async function lookAtLeft(run: Run, directory: RunDirectory): Promise<LeftRun> {
  try {
    const launch = directory.readLaunch();
    const began = run.state !== 'queued' && (launch === null || !(await neverBegan(run.id, directory)));
    const missing = launch === null ? `its record ${directory.path}/run.json is missing or damaged` : null;
    return { launch, began, problem: missing ?? makeAgain(directory) };
  } catch (error) {
    if (isShortage(error))
      throw new Error(`The run ${run.id} can not be taken over: ${startProblem(error)}.`, { cause: error });
    return { launch: null, began: run.state !== 'queued', problem: unreadable(directory, error) };
  }
}

/** What keeps its files from being read, one clause. */
export function unreadable(directory: RunDirectory, error: unknown): string {
  return `its folder ${directory.path} can not be read (${causeOf(error)})`;
}

/** Its folder, which somebody may have removed, and its results, which are watched. */
function makeAgain(directory: RunDirectory): string | null {
  try {
    directory.create();
    return null;
  } catch (error) {
    return `its folder ${directory.path} can not be written (${causeOf(error)})`;
  }
}

/** True when an agent died between the record of a start and the start. */
async function neverBegan(runId: string, directory: RunDirectory): Promise<boolean> {
  if (directory.mayHaveStarted() || directory.readStop() !== null) return false;
  return (await leaderOf(runId)) === null;
}

/**
 * Calls `onEnd` once, when the process is gone. exit.json alone is no end: the job may have written one itself. Returns what ends the
 * watching. A look that fails (EMFILE) says nothing; the next one may.
 */
export function adoptProcess(
  directory: RunDirectory,
  alive: () => Promise<boolean>,
  clock: Clock,
  onEnd: () => void,
): () => void {
  let over = false;
  let exited = hasExit(directory);
  let pause = exited ? soonMs : lookEveryMs;
  let disarm = (): void => undefined;
  const unwatch = watchDirectory(directory, () => {
    const before = exited;
    exited = hasExit(directory);
    if (over || !exited || before) return;
    pause = soonMs;
    void look();
  });
  const stop = (): void => {
    over = true;
    disarm();
    unwatch();
  };
  const look = async (): Promise<void> => {
    const there = await alive().catch(() => true);
    if (over) return;
    if (!there) {
      stop();
      onEnd();
      return;
    }
    // Two looks may be under way at once.
    disarm();
    disarm = clock.after(pause, () => void look());
    pause = Math.min(lookEveryMs, 2 * pause);
  };
  void look();
  return stop;
}

function hasExit(directory: RunDirectory): boolean {
  try {
    return directory.readExit() !== null;
  } catch {
    return false;
  }
}

function watchDirectory(directory: RunDirectory, onChange: () => void): () => void {
  try {
    const watcher = watch(directory.path, { persistent: false }, onChange);
    watcher.on('error', () => undefined);
    return () => {
      watcher.close();
    };
  } catch {
    // No watch is to be had (EMFILE, ENOSPC): the looks do as well.
    return () => undefined;
  }
}
