/** The agent's bus: an event is numbered and stored first, then shown to listeners. */
import type { AgentEvent, EventData, EventType } from './protocol/events.ts';
import type { Database } from './store/database.ts';
import { appendEvent, deleteEventsBefore, latestEvent, oldestEvent, readEvents } from './store/events.ts';

/** Older events are dropped beyond this; a client that was away longer takes a snapshot. */
const keptEvents = 50_000;

export class EventBus {
  readonly #database: Database;
  readonly #now: () => number;
  readonly #listeners = new Set<() => void>();
  #sincePrune = 0;
  #announced = false;

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
    this.#announce();
    return event;
  }

  latest(): number {
    return latestEvent(this.#database);
  }

  oldest(): number {
    return oldestEvent(this.#database);
  }

  read(after: number, limit: number): readonly AgentEvent[] {
    return readEvents(this.#database, after, limit);
  }

  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** After the transaction around `emit` has ended, so that nothing is sent that was not committed. */
  #announce(): void {
    if (this.#announced) return;
    this.#announced = true;
    queueMicrotask(() => {
      this.#announced = false;
      for (const listener of this.#listeners) listener();
    });
  }

  #prune(latest: number): void {
    this.#sincePrune += 1;
    if (this.#sincePrune < 1000) return;
    this.#sincePrune = 0;
    deleteEventsBefore(this.#database, latest - keptEvents);
  }
}
