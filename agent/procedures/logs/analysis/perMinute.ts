/** How much came in each minute; when the log is longer than the room, each slot stands for more of them. */
const mostSlots = 8192;

export interface Throughput {
  readonly meanPerMinute: number;
  /** Most in one slot, as a rate per minute. */
  readonly peakPerMinute: number;
  readonly peakAt: string;
  /** Width of a slot in minutes: 1, or a power of two where the log spans many days. */
  readonly slotMinutes: number;
}

export class PerMinute {
  readonly #slots = new Map<number, number>();
  #minutes = 1;
  #current = Number.NaN;
  #count = 0;
  #first = Number.POSITIVE_INFINITY;
  #last = Number.NEGATIVE_INFINITY;

  /** `time`: milliseconds since the epoch. */
  add(time: number): void {
    const slot = Math.floor(time / 60_000 / this.#minutes);
    if (slot === this.#current) this.#count += 1;
    else this.#begin(slot);
  }

  summary(): Throughput | null {
    this.#keep();
    if (this.#slots.size === 0) return null;
    let [total, peak, peakSlot] = [0, 0, 0];
    for (const [slot, count] of this.#slots) {
      total += count;
      if (count > peak) [peak, peakSlot] = [count, slot];
    }
    const span = (this.#last - this.#first + 1) * this.#minutes;
    return {
      meanPerMinute: total / span,
      peakPerMinute: peak / this.#minutes,
      peakAt: new Date(peakSlot * this.#minutes * 60_000).toISOString(),
      slotMinutes: this.#minutes,
    };
  }

  #begin(slot: number): void {
    this.#keep();
    this.#current = slot;
    this.#count = 1;
  }

  #keep(): void {
    if (this.#count === 0) return;
    const slot = this.#current;
    this.#slots.set(slot, (this.#slots.get(slot) ?? 0) + this.#count);
    this.#first = Math.min(this.#first, slot);
    this.#last = Math.max(this.#last, slot);
    this.#count = 0;
    this.#current = Number.NaN;
    if (this.#slots.size > mostSlots) this.#widen();
  }

  #widen(): void {
    const before = [...this.#slots];
    this.#slots.clear();
    this.#minutes *= 2;
    for (const [slot, count] of before) {
      const wide = Math.floor(slot / 2);
      this.#slots.set(wide, (this.#slots.get(wide) ?? 0) + count);
    }
    this.#first = Math.floor(this.#first / 2);
    this.#last = Math.floor(this.#last / 2);
  }
}
