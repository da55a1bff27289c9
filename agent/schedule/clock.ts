/** Time as an input: tests move it, and long waits survive clock steps and suspends. */

export interface Clock {
  /** Milliseconds since the epoch, by the wall clock. */
  now(): number;
  /** Calls once after `ms`, which must be at most `longestSleep`; returns what takes it back. */
  after(ms: number, callback: () => void): () => void;
}

/** Sleeps are capped so that a stepped clock or a resumed machine is noticed; it also keeps clear of setTimeout's 2^31 ms. */
export const longestSleep = 30_000;

export const systemClock: Clock = {
  now: () => Date.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return () => {
      clearTimeout(timer);
    };
  },
};

/** Calls `callback` once when the wall clock has reached `at` (milliseconds since the epoch), however far away that is. */
export function callAt(clock: Clock, at: number, callback: () => void): () => void {
  let take: (() => void) | null = null;
  const arm = (): void => {
    const left = at - clock.now();
    take = left <= 0 ? clock.after(0, callback) : clock.after(Math.min(left, longestSleep), arm);
  };
  arm();
  return () => {
    take?.();
  };
}
