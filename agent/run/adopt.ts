/** Waits for the end of a process that is not our child. */
import { watch } from 'node:fs';
import type { Clock } from '../schedule/clock.ts';
import type { RunDirectory } from './directory.ts';

/** A process that is not our child sends no signal of its end; it is looked at so often, for the case that it leaves no exit.json. */
const lookEveryMs = 2000;

/** Calls `onEnd` once, when exit.json is there or the process is gone. Returns what ends the watching. */
export function adoptProcess(
  directory: RunDirectory,
  alive: () => Promise<boolean>,
  clock: Clock,
  onEnd: () => void,
): () => void {
  let over = false;
  let disarm = (): void => undefined;
  const watcher = watch(directory.path, { persistent: false }, () => {
    if (directory.readExit() !== null) end();
  });
  watcher.on('error', () => undefined);
  const stop = (): void => {
    over = true;
    disarm();
    watcher.close();
  };
  const end = (): void => {
    if (over) return;
    stop();
    onEnd();
  };
  const look = async (): Promise<void> => {
    const there = await alive();
    if (over) return;
    if (!there || directory.readExit() !== null) end();
    else disarm = clock.after(lookEveryMs, () => void look());
  };
  void look();
  return stop;
}
