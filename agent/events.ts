/** The agent's bus: an event is numbered and stored first, then shown to listeners. */
import type { AgentEvent, EventData, EventType } from './protocol/events.ts';
import type { Database } from './store/database.ts';
import {
  appendEvent,
  deleteEventsBefore,
  latestEvent,
  oldestEvent,
  readCommittedEvents,
  readEvents,
} from './store/events.ts';

/** Older events are dropped beyond this; a client that was away longer takes a snapshot. */
const keptEvents = 50_000;

export class EventBus {
  readonly #database: Database;
  readonly #now: () => number;
  readonly #listeners = new Set<() => void>();
  #sincePrune = 0;
  #announced = false;
  /** Number of the newest event that is on the disk, of this epoch; null before the first. */
  #committed: { readonly epoch: string; readonly seq: number } | null = null;

  constructor(database: Database, now: () => number) {
    this.#database = database;
    this.#now = now;
  }

  get epoch(): string {
    return this.#database.epoch;
  }

  emit<T extends EventType>(type: T, data: EventData<T>): AgentEvent {
    const event = appendEvent(this.#database, this.#now(), type, data);
    this.#prune(event.seq);
    this.#announce(event.seq);
    return event;
  }

  /** Of those on the disk, as everything that is read here. */
  latest(): number {
    return this.#newest() ?? latestEvent(this.#database);
  }

  oldest(): number {
    return oldestEvent(this.#database);
  }

  read(after: number, limit: number): readonly AgentEvent[] {
    const newest = this.#newest();
    if (newest === null) return readEvents(this.#database, after, limit);
    return readCommittedEvents(this.#database, after, newest, limit);
  }

  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Once the transaction around `emit` is committed: nothing is sent that is not on the disk. */
  #announce(seq: number): void {
    this.#database.afterCommit(() => {
      this.#committed = { epoch: this.epoch, seq };
      if (this.#announced) return;
      this.#announced = true;
      queueMicrotask(() => {
        this.#announced = false;
        for (const listener of this.#listeners) listener();
      });
    });
  }

  /** While changes wait for a common commit, readers must neither see them nor hurry it. */
  #newest(): number | null {
    return this.#database.gathering && this.#committed?.epoch === this.epoch ? this.#committed.seq : null;
  }

  #prune(latest: number): void {
    this.#sincePrune += 1;
    if (this.#sincePrune < 1000) return;
    this.#sincePrune = 0;
    deleteEventsBefore(this.#database, latest - keptEvents);
  }
}
