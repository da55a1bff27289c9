/**
 * Room for the large answers of one session. They are made one after the other, in the order in which they were asked for, and only
 * while little waits in the socket: 256 requests of a client that reads nothing cost one answer, not 256.
 */

/** An answer is made only while fewer bytes than this wait in the socket. */
const highWaterBytes = 256 * 1024;

/** Of one request. */
export interface Place {
  /** Resolves when it is this request's turn; rejects with the reason of its signal. A second call changes nothing. */
  enter(): Promise<void>;
  /** The request is answered; idempotent. */
  leave(): void;
}

export class AnswerRoom {
  readonly #buffered: () => number;
  readonly #waiting = new Set<() => void>();
  #taken = false;

  /** `buffered`: bytes that wait in the socket. */
  constructor(buffered: () => number) {
    this.#buffered = buffered;
  }

  place(signal: AbortSignal): Place {
    let held = false;
    return {
      enter: async () => {
        if (held) return;
        await this.#turn(signal);
        held = true;
      },
      leave: () => {
        if (!held) return;
        held = false;
        // The answer is written in this turn; what it adds to the socket shows in the next.
        setImmediate(() => {
          this.#taken = false;
          this.look();
        });
      },
    };
  }

  /** There may be room again: an answer was sent, or the socket has taken bytes. */
  look(): void {
    if (this.#taken || this.#buffered() >= highWaterBytes) return;
    const [next] = this.#waiting;
    if (next === undefined) return;
    this.#waiting.delete(next);
    this.#taken = true;
    next();
  }

  #turn(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const enter = (): void => {
      signal.removeEventListener('abort', abort);
      resolve(undefined);
    };
    const abort = (): void => {
      this.#waiting.delete(enter);
      reject(signal.reason as Error);
    };
    if (signal.aborted) {
      abort();
      return promise;
    }
    signal.addEventListener('abort', abort, { once: true });
    this.#waiting.add(enter);
    this.look();
    return promise;
  }
}
