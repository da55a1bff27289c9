/** Where runs wait: keeps the queue's state, starts whose turn it is, and says of each what it waits for. */
import type { Run } from '../protocol/nouns.ts';
import { callAt, type Clock } from '../schedule/clock.ts';
import { approvalText, isApproved } from './approval.ts';
import type { Entry } from './entry.ts';
import { waitText } from './locks.ts';
import {
  emptyQueue,
  nextTurn,
  nextWake,
  reduceQueue,
  waitsOf,
  type Limits,
  type QueueAction,
  type Wait,
} from './queue.ts';

export interface WaitingRoomParts {
  readonly clock: Clock;
  readonly limits: () => Limits;
  readonly entries: ReadonlyMap<string, Entry>;
  readonly save: (run: Run) => void;
  /** It is this one's turn; it counts as at work until it leaves. */
  readonly begin: (entry: Entry) => void;
  /** Its approval did not come in time; ends it. */
  readonly expire: (entry: Entry) => void;
}

export class WaitingRoom {
  readonly #parts: WaitingRoomParts;
  #state = emptyQueue;
  #held = false;
  #looking = false;
  #again = false;
  #disarm: () => void = () => undefined;

  constructor(parts: WaitingRoomParts) {
    this.#parts = parts;
  }

  /** Nobody starts until `release`: while the runs of an earlier agent come back, not all that is taken is known. */
  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    this.look();
  }

  stop(): void {
    this.#held = true;
    this.#disarm();
  }

  /** True when nothing is in its way and nothing must be looked at before. */
  canStart(entry: Entry): boolean {
    if (this.#held || entry.launch.settings.requires !== null) return false;
    const state = reduceQueue(this.#state, { type: 'join', ticket: entry.ticket });
    return nextTurn(state, this.#parts.limits(), this.#parts.clock.now())?.id === entry.ticket.id;
  }

  /** Puts it into the queue, or at once to work; gives its record with what it waits for. `look` then starts who can. */
  join(entry: Entry, atOnce: boolean): Run {
    this.#change({ type: 'join', ticket: entry.ticket });
    if (atOnce) {
      this.#change({ type: 'start', id: entry.ticket.id });
      return entry.run;
    }
    const now = this.#parts.clock.now();
    return withWait(entry.run, waitsOf(this.#state, this.#parts.limits(), now).get(entry.ticket.id) ?? null);
  }

  /** One that an earlier agent has started. */
  resume(entry: Entry): void {
    this.#change({ type: 'resume', ticket: entry.ticket });
  }

  approved(entry: Entry): void {
    if (isApproved(entry.run.approval)) this.#change({ type: 'approve', id: entry.ticket.id });
    this.look();
  }

  leave(entry: Entry): void {
    this.#change({ type: 'leave', id: entry.ticket.id });
    this.look();
  }

  /** Starts whose turn it is, tells the others what they wait for, and sleeps until the next hour that matters. */
  look(): void {
    if (this.#held) return;
    // Starting one may end it at once, which asks for another look.
    this.#again = true;
    if (this.#looking) return;
    this.#looking = true;
    try {
      while (this.#again) {
        this.#again = false;
        this.#expireLate();
        this.#startAll();
      }
    } finally {
      this.#looking = false;
    }
    this.#noteWaits();
    this.#arm();
  }

  #startAll(): void {
    const { limits, clock, entries, begin } = this.#parts;
    for (;;) {
      const ticket = nextTurn(this.#state, limits(), clock.now());
      if (ticket === null) return;
      this.#change({ type: 'start', id: ticket.id });
      const entry = entries.get(ticket.id);
      if (entry === undefined) this.#change({ type: 'leave', id: ticket.id });
      else begin(entry);
    }
  }

  #expireLate(): void {
    const now = this.#parts.clock.now();
    for (const entry of this.#waiting()) {
      const expires = expiryOf(entry);
      if (expires !== null && expires <= now) this.#parts.expire(entry);
    }
  }

  #noteWaits(): void {
    const waits = waitsOf(this.#state, this.#parts.limits(), this.#parts.clock.now());
    for (const entry of this.#waiting()) {
      const run = withWait(entry.run, waits.get(entry.ticket.id) ?? null);
      const { waitingFor, waitingReason, waitingUntil } = entry.run;
      const same =
        run.waitingFor === waitingFor && run.waitingReason === waitingReason && run.waitingUntil === waitingUntil;
      if (same) continue;
      entry.run = run;
      this.#parts.save(run);
    }
  }

  #arm(): void {
    this.#disarm();
    const { clock } = this.#parts;
    const expiries = this.#waiting().flatMap((entry) => expiryOf(entry) ?? []);
    const soonest = Math.min(nextWake(this.#state, clock.now()) ?? Number.POSITIVE_INFINITY, ...expiries);
    if (!Number.isFinite(soonest)) return;
    this.#disarm = callAt(clock, soonest, () => {
      this.look();
    });
  }

  #waiting(): readonly Entry[] {
    return this.#state.waiting.flatMap(({ id }) => this.#parts.entries.get(id) ?? []);
  }

  #change(action: QueueAction): void {
    this.#state = reduceQueue(this.#state, action);
  }
}

function expiryOf(entry: Entry): number | null {
  const { approval } = entry.run;
  return approval === null || approval === undefined || isApproved(approval) ? null : Date.parse(approval.expiresAt);
}

function withWait(run: Run, wait: Wait | null): Run {
  if (wait === null) return { ...run, waitingFor: null, waitingReason: null, waitingUntil: null };
  if (wait.for === 'approval') {
    const { approval } = run;
    if (approval === null || approval === undefined) return run;
    return { ...run, waitingFor: 'approval', waitingReason: approvalText(approval), waitingUntil: approval.expiresAt };
  }
  const until = wait.for === 'retry' ? new Date(wait.until).toISOString() : null;
  return { ...run, waitingFor: wait.for, waitingReason: waitText(wait), waitingUntil: until };
}
