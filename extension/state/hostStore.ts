/** The one owner of a host's data: takes snapshots and events in their order, tells what changed. */
import { parseEvent, type AgentEvent } from '../../agent/protocol/events.ts';
import type { Snapshot } from '../../agent/protocol/methods.ts';
import type { EventEnvelope, EventSink } from '../client/clientSession.ts';
import { Emitter } from '../client/emitter.ts';
import { messageOf } from '../client/errors.ts';
import type { Log } from '../client/log.ts';
import { applyEvent, type HostData } from './hostData.ts';

export interface HostChange {
  /** Null at the first snapshot. */
  readonly previous: HostData | null;
  readonly next: HostData;
}

export class HostStore implements EventSink {
  readonly #log: Log;
  readonly #changed = new Emitter<HostChange>();
  #data: HostData | null = null;

  constructor(log: Log) {
    this.#log = log;
  }

  readonly onDidChange = this.#changed.on;

  get data(): HostData | null {
    return this.#data;
  }

  readonly cursor = (): { readonly epoch: string; readonly seq: number } | null =>
    this.#data === null ? null : { epoch: this.#data.epoch, seq: this.#data.seq };

  readonly reset = (snapshot: Snapshot): void => {
    this.#set(snapshot);
  };

  readonly receive = (envelope: EventEnvelope): 'applied' | 'duplicate' | 'gap' => {
    const data = this.#data;
    if (data === null) return 'gap';
    if (envelope.seq <= data.seq) return 'duplicate';
    if (envelope.seq > data.seq + 1) return 'gap';
    let event: AgentEvent | null;
    try {
      event = parseEvent(envelope);
    } catch (error) {
      this.#log.warn(`event ${envelope.seq} (${envelope.type}) can not be read: ${messageOf(error)}`);
      return 'gap';
    }
    this.#set(event === null ? { ...data, seq: envelope.seq, at: envelope.at } : applyEvent(data, event));
    return 'applied';
  };

  #set(next: HostData): void {
    const previous = this.#data;
    this.#data = next;
    this.#changed.fire({ previous, next });
  }
}
