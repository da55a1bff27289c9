/** Runs that another agent has started: whether they began, and their end, though their process is not our child. */
import { watch } from 'node:fs';
import type { Clock } from '../schedule/clock.ts';
import type { RunDirectory } from './directory.ts';
import { leaderOf } from './group.ts';

/** A process that is not our child sends no signal of its end; it is looked at so often, for the case that it leaves no exit.json. */
const lookEveryMs = 2000;

/** True when an agent died between the record of a start and the start. */
export async function neverBegan(runId: string, directory: RunDirectory): Promise<boolean> {
  if (directory.mayHaveStarted() || directory.readStop() !== null) return false;
  return (await leaderOf(runId)) === null;
}

/**
 * Calls `onEnd` once, when exit.json is there or the process is gone. Returns what ends the watching. A look that fails
 * (EMFILE) says nothing; the next one may.
 */
export function adoptProcess(
  directory: RunDirectory,
  alive: () => Promise<boolean>,
  clock: Clock,
  onEnd: () => void,
): () => void {
  let over = false;
  let disarm = (): void => undefined;
  const unwatch = watchDirectory(directory, () => {
    if (hasExit(directory)) end();
  });
  const stop = (): void => {
    over = true;
    disarm();
    unwatch();
  };
  const end = (): void => {
    if (over) return;
    stop();
    onEnd();
  };
  const look = async (): Promise<void> => {
    const there = await alive().catch(() => true);
    if (over) return;
    if (!there || hasExit(directory)) end();
    else disarm = clock.after(lookEveryMs, () => void look());
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
