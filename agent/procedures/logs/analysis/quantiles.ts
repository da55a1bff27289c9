/**
 * Percentiles in bounded memory: a histogram whose buckets grow by a constant factor, so that each percentile is within
 * `relativeError` of the value of that rank (DDSketch, Masson, Rim and Lee 2019).
 */
export const relativeError = 0.01;

const factor = (1 + relativeError) / (1 - relativeError);
const perLog = 1 / Math.log(factor);
/** Buckets of values from 1e-6 to about 1e9. */
const mostBuckets = 1800;
const smallest = 1e-6;

export class Quantiles {
  count = 0;
  sum = 0;
  max = 0;
  #zeros = 0;
  #buckets = new Uint32Array(256);

  /** Values below one millionth count as zero. */
  add(value: number): void {
    this.count += 1;
    this.sum += value;
    if (value > this.max) this.max = value;
    if (value < smallest) {
      this.#zeros += 1;
      return;
    }
    const bucket = Math.min(mostBuckets - 1, Math.max(0, Math.ceil(Math.log(value / smallest) * perLog)));
    if (bucket >= this.#buckets.length) this.#grow(bucket);
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
  }

  /** `share` = 0.95 for p95; null when nothing was added. */
  at(share: number): number | null {
    if (this.count === 0) return null;
    let rank = Math.floor(share * (this.count - 1)) + 1 - this.#zeros;
    if (rank <= 0) return 0;
    for (let bucket = 0; bucket < this.#buckets.length; bucket += 1) {
      rank -= this.#buckets[bucket] ?? 0;
      if (rank <= 0) return Math.min(this.max, (smallest * 2 * factor ** bucket) / (factor + 1));
    }
    return this.max;
  }

  mean(): number | null {
    return this.count === 0 ? null : this.sum / this.count;
  }

  #grow(bucket: number): void {
    const larger = new Uint32Array(Math.min(mostBuckets, Math.max(bucket + 1, this.#buckets.length * 2)));
    larger.set(this.#buckets);
    this.#buckets = larger;
  }
}
