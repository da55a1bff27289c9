/**
 * Counts of byte strings in bounded memory: a hash table whose keys lie in one buffer. As long as no more than `capacity`
 * different keys come, counts are exact. Beyond that the rarer half is dropped (Misra and Gries 1982, in batches) and
 * `missed` says how much any count may be too low by.
 */
import { hashBytes } from './bytes.ts';

const longestKey = 512;

export class ByteCounter {
  readonly capacity: number;
  readonly counts: Float64Array;
  /** Whatever the owner adds up beside the count. */
  readonly sums: Float64Array;
  readonly first: Float64Array;
  readonly last: Float64Array;
  /** A number of the owner's, -1 for a new entry. */
  readonly tags: Int32Array;
  /** Any count may be too low by this; 0 = all are exact. */
  missed = 0;
  /** Different keys that were dropped, counted again when they return. */
  dropped = 0;
  size = 0;
  /** The entry that was found last is new. */
  isNew = false;
  readonly #salts: Int32Array;
  readonly #hashes: Int32Array;
  readonly #starts: Uint32Array;
  readonly #lengths: Uint16Array;
  readonly #slots: Int32Array;
  readonly #largestArena: number;
  #arena = Buffer.allocUnsafe(64 * 1024);
  #used = 0;

  /** `capacity`: a power of two. `arenaBytes`: most that the keys may take together. */
  constructor(capacity: number, arenaBytes = capacity * 96) {
    this.capacity = capacity;
    this.#largestArena = Math.max(arenaBytes, 64 * 1024);
    [this.counts, this.sums] = [new Float64Array(capacity), new Float64Array(capacity)];
    [this.first, this.last] = [new Float64Array(capacity), new Float64Array(capacity)];
    [this.tags, this.#salts, this.#hashes] = [
      new Int32Array(capacity),
      new Int32Array(capacity),
      new Int32Array(capacity),
    ];
    this.#starts = new Uint32Array(capacity);
    this.#lengths = new Uint16Array(capacity);
    this.#slots = new Int32Array(capacity * 2);
  }

  /**
   * Index of the key, which is added with a count of 0 when it is not there. Keys of equal bytes and different `salt` are
   * different. `hash` is that of the bytes, as `hashBytes` gives it. An index holds until the next call.
   */
  find(bytes: Buffer, start: number, end: number, hash: number, salt = 0): number {
    let stop = end;
    let key = hash;
    if (end - start > longestKey) {
      stop = start + longestKey;
      key = hashBytes(bytes, start, stop);
    }
    key ^= Math.imul(salt, 0x9e3779b1);
    const mask = this.#slots.length - 1;
    let slot = (key ^ (key >>> 15)) & mask;
    for (let entry = this.#slots[slot] ?? 0; entry !== 0; entry = this.#slots[slot] ?? 0) {
      const index = entry - 1;
      if (this.#hashes[index] === key && this.#salts[index] === salt && this.#equals(index, bytes, start, stop)) {
        this.isNew = false;
        return index;
      }
      slot = (slot + 1) & mask;
    }
    this.isNew = true;
    return this.#add(bytes, start, stop, key, salt);
  }

  text(index: number): string {
    const start = this.#starts[index] ?? 0;
    return this.#arena.toString('utf8', start, start + (this.#lengths[index] ?? 0));
  }

  salt(index: number): number {
    return this.#salts[index] ?? 0;
  }

  /** Indexes of the `count` largest by `by`, largest first. */
  top(count: number, by: Float64Array = this.counts): number[] {
    const indexes = Array.from({ length: this.size }, (_, index) => index);
    return indexes.sort((one, other) => (by[other] ?? 0) - (by[one] ?? 0) || one - other).slice(0, count);
  }

  #equals(index: number, bytes: Buffer, start: number, end: number): boolean {
    if (this.#lengths[index] !== end - start) return false;
    const arena = this.#arena;
    let at = this.#starts[index] ?? 0;
    for (let position = start; position < end; position += 1, at += 1) if (arena[at] !== bytes[position]) return false;
    return true;
  }

  #add(bytes: Buffer, start: number, end: number, key: number, salt: number): number {
    const length = end - start;
    if (this.size === this.capacity || this.#used + length > this.#largestArena) this.#dropHalf();
    if (this.#used + length > this.#arena.length) {
      const larger = Buffer.allocUnsafe(Math.min(this.#largestArena, Math.max(this.#arena.length * 2, length)));
      this.#arena.copy(larger, 0, 0, this.#used);
      this.#arena = larger;
    }
    const index = this.size;
    bytes.copy(this.#arena, this.#used, start, end);
    this.#starts[index] = this.#used;
    this.#lengths[index] = length;
    this.#used += length;
    this.#hashes[index] = key;
    this.#salts[index] = salt;
    [this.counts[index], this.sums[index]] = [0, 0];
    [this.first[index], this.last[index], this.tags[index]] = [Number.NaN, Number.NaN, -1];
    this.size = index + 1;
    this.#place(index);
    return index;
  }

  #place(index: number): void {
    const mask = this.#slots.length - 1;
    const key = this.#hashes[index] ?? 0;
    let slot = (key ^ (key >>> 15)) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = index + 1;
  }

  #dropHalf(): void {
    const sorted = this.counts.slice(0, this.size).sort();
    const limit = sorted[this.size >> 1] ?? 0;
    const before = this.size;
    this.missed += limit;
    this.#slots.fill(0);
    let used = 0;
    this.size = 0;
    for (let index = 0; index < before; index += 1) {
      if ((this.counts[index] ?? 0) <= limit) continue;
      used = this.#move(index, this.size, used);
      this.size += 1;
    }
    this.#used = used;
    this.dropped += before - this.size;
    for (let index = 0; index < this.size; index += 1) this.#place(index);
  }

  /** Keys lie in the order of their indexes, so each moves towards the beginning. */
  #move(from: number, to: number, used: number): number {
    const start = this.#starts[from] ?? 0;
    const length = this.#lengths[from] ?? 0;
    this.#arena.copyWithin(used, start, start + length);
    this.#starts[to] = used;
    this.#lengths[to] = length;
    this.#hashes[to] = this.#hashes[from] ?? 0;
    this.#salts[to] = this.#salts[from] ?? 0;
    this.counts[to] = this.counts[from] ?? 0;
    this.sums[to] = this.sums[from] ?? 0;
    this.first[to] = this.first[from] ?? Number.NaN;
    this.last[to] = this.last[from] ?? Number.NaN;
    this.tags[to] = this.tags[from] ?? -1;
    return used + length;
  }
}
