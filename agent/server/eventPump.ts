/**
 * Sends the events of one session. It holds a number, never events: they are read from the source only while little waits
 * in the socket, so a peer that reads slowly, or not at all, costs no memory.
 */
import type { AgentEvent } from '../protocol/events.ts';

/** Where events come from: numbered from 1 within an epoch, stored before anyone sees them. */
export interface EventSource {
  readonly epoch: string;
  /** Number of the newest event ever, 0 before the first. */
  latest(): number;
  /** Number of the oldest event still there; `latest() + 1` when none is. */
  oldest(): number;
  /** At most `limit` events after that number, in order. */
  read(after: number, limit: number): readonly AgentEvent[];
  onAppend(listener: () => void): () => void;
}

export interface EventPumpOptions {
  readonly source: EventSource;
  /** Bytes that wait in the socket. */
  readonly buffered: () => number;
  readonly send: (event: AgentEvent) => void;
  /** Called when the source dropped events that this session had yet to get. */
  readonly fellBehind: () => void;
}

/** Events are read only while fewer bytes than this wait in the socket. */
const highWaterBytes = 256 * 1024;
/** Events read at once; other sessions get their turn in between. */
const batch = 32;

export class EventPump {
  readonly #options: EventPumpOptions;
  #cursor: number | null = null;
  #epoch = '';
  #turn: NodeJS.Immediate | null = null;
  #stopListening: (() => void) | null = null;
  #blocked = false;

  constructor(options: EventPumpOptions) {
    this.#options = options;
  }

  /**
   * Makes `after` the number of the last event that the peer has. On `gap` nothing is sent: the peer takes a snapshot and
   * subscribes from there. The first event leaves in a later turn, after the answer to the request.
   */
  subscribe(epoch: string, after: number): { readonly gap: boolean; readonly seq: number } {
    const { source } = this.#options;
    const seq = source.latest();
    if (epoch !== source.epoch || after > seq || after < source.oldest() - 1) {
      this.stop();
      return { gap: true, seq };
    }
    this.#cursor = after;
    this.#epoch = epoch;
    this.#stopListening ??= source.onAppend(() => {
      this.wake();
    });
    this.wake();
    return { gap: false, seq };
  }

  /** Fewer bytes wait in the socket than before. */
  flushed(): void {
    if (this.#blocked) this.wake();
  }

  /** There may be something to send. */
  wake(): void {
    if (this.#cursor === null || this.#turn !== null) return;
    this.#turn = setImmediate(() => {
      this.#turn = null;
      this.#sendBatch();
    });
  }

  stop(): void {
    this.#cursor = null;
    this.#stopListening?.();
    this.#stopListening = null;
    if (this.#turn !== null) clearImmediate(this.#turn);
    this.#turn = null;
  }

  #sendBatch(): void {
    const { source, buffered, send, fellBehind } = this.#options;
    this.#blocked = buffered() >= highWaterBytes;
    if (this.#cursor === null || this.#blocked) return;
    const from = this.#cursor;
    const events = source.read(from, batch);
    const first = events[0];
    // Either the source dropped what comes next, or it was made anew and counts from 1.
    const dropped = (first?.seq ?? source.latest() + 1) > from + 1 && source.oldest() > from + 1;
    if (dropped || source.epoch !== this.#epoch) {
      this.stop();
      fellBehind();
      return;
    }
    for (const event of events) {
      send(event);
      this.#cursor = event.seq;
      this.#blocked = buffered() >= highWaterBytes;
      if (this.#blocked) return;
    }
    const latest = source.latest();
    // A source may leave out what it cannot read (stored by a newer version): pass those numbers by.
    if (first === undefined) this.#cursor = Math.min(from + batch, latest);
    if (this.#cursor < latest) this.wake();
  }
}
