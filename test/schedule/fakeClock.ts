import type { Clock } from '../../agent/schedule/clock.ts';

/** A clock that a test moves; timers run in order as time passes over them, and `step` moves the wall clock alone. */
export class FakeClock implements Clock {
  #wall: number;
  #elapsed = 0;
  #timers: { readonly at: number; readonly callback: () => void }[] = [];
  /** Called when somebody asks to be called. */
  onArmed: () => void = () => undefined;
  /** Longest single sleep that was asked for. */
  longest = 0;

  constructor(start: string) {
    this.#wall = Date.parse(start);
  }

  now(): number {
    return this.#wall;
  }

  after(ms: number, callback: () => void): () => void {
    this.longest = Math.max(this.longest, ms);
    const timer = { at: this.#elapsed + ms, callback };
    this.#timers.push(timer);
    this.onArmed();
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Lets time pass. */
  advance(ms: number): void {
    const end = this.#elapsed + ms;
    for (;;) {
      const next = this.#timers.filter((timer) => timer.at <= end).sort((one, other) => one.at - other.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#move(next.at);
      next.callback();
    }
    this.#move(end);
  }

  /** Somebody sets the clock, or the machine was suspended: no timer notices. */
  step(ms: number): void {
    this.#wall += ms;
  }

  get waiting(): number {
    return this.#timers.length;
  }

  #move(elapsed: number): void {
    this.#wall += elapsed - this.#elapsed;
    this.#elapsed = elapsed;
  }
}
