import { setImmediate } from 'node:timers/promises';

/** Longest stretch of work in ms between two turns of the event loop; parsing one certificate takes about a tenth of one. */
const stretch = 8;

/** To be awaited between pieces of synchronous work: mostly returns at once, and gives way to other work when it is due. */
export type Pace = () => Promise<void>;

/**
 * Gives way to the event loop every few milliseconds, and throws the reason once `signal` is aborted. Whoever shares a pace
 * shares the stretch: sixteen at work together get as long as one.
 */
export function createPace(signal?: AbortSignal): Pace {
  let due = performance.now() + stretch;
  let turn: Promise<void> | null = null;
  const next = async (): Promise<void> => {
    await setImmediate();
    due = performance.now() + stretch;
    turn = null;
  };
  return async () => {
    while (performance.now() >= due) {
      await (turn ??= next());
      signal?.throwIfAborted();
    }
  };
}
