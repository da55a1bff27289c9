/**
 * Bytes that clients have sent and that wait in memory: messages that were begun and not finished, requests that are not
 * answered. Each connection has limits of its own; this is the limit of all of them together.
 */

export interface Holder {
  readonly actor: string;
  /** Ends it without waiting for its peer, so that what it holds is free at once. */
  cut(code: 'policyViolation', reason: string): void;
}

export class InboundBudget {
  readonly #limit: number;
  readonly #held = new Map<Holder, number>();
  #total = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** So many bytes more, or fewer. Beyond the limit connections are closed: of the actor that holds most, the largest. */
  change(holder: Holder, bytes: number): void {
    const held = Math.max(0, (this.#held.get(holder) ?? 0) + bytes);
    this.#total += held - (this.#held.get(holder) ?? 0);
    this.#held.set(holder, held);
    while (this.#total > this.#limit) {
      const largest = this.#largest();
      this.leave(largest);
      largest.cut('policyViolation', 'holds too much of the memory of the agent');
    }
  }

  /** It has gone. */
  leave(holder: Holder): void {
    this.#total -= this.#held.get(holder) ?? 0;
    this.#held.delete(holder);
  }

  #largest(): Holder {
    const byActor = new Map<string, number>();
    for (const [{ actor }, bytes] of this.#held) byActor.set(actor, (byActor.get(actor) ?? 0) + bytes);
    const [most] = [...byActor].sort(([, one], [, other]) => other - one);
    const own = [...this.#held].filter(([{ actor }]) => actor === most?.[0]);
    const [largest] = own.sort(([, one], [, other]) => other - one);
    if (largest === undefined) throw new Error('more is held than anybody holds');
    return largest[0];
  }
}
