/** Statements by their normalised text: how often, how long, and when. */
import { ByteCounter } from './byteCounter.ts';
import { PerMinute } from './perMinute.ts';
import { Quantiles } from './quantiles.ts';
import { StatementNormalizer } from './statement.ts';

const statementRoom = 4096;

export class StatementCounts {
  /** By statement: `counts` is how often, `sums` the milliseconds, `first` the longest. */
  readonly statements = new ByteCounter(statementRoom, 4 * 1024 * 1024);
  /** By the tag of a statement. */
  durations: Quantiles[] = [];
  readonly all = new Quantiles();
  readonly perMinute = new PerMinute();
  #dropped = 0;
  readonly #normalizer = new StatementNormalizer();

  /** `time` in milliseconds since the epoch, NaN = not known. */
  add(source: Buffer, start: number, end: number, milliseconds: number, time: number): void {
    if (!Number.isNaN(time)) this.perMinute.add(time);
    this.all.add(milliseconds);
    const normalizer = this.#normalizer;
    normalizer.normalize(source, start, end);
    const { statements } = this;
    const index = statements.find(normalizer.bytes, 0, normalizer.length, normalizer.hash);
    statements.counts[index] = (statements.counts[index] ?? 0) + 1;
    statements.sums[index] = (statements.sums[index] ?? 0) + milliseconds;
    if (!((statements.first[index] ?? 0) >= milliseconds)) statements.first[index] = milliseconds;
    if (statements.dropped !== this.#dropped) this.#dropDurations();
    let tag = statements.tags[index] ?? -1;
    if (tag < 0) {
      tag = this.durations.push(new Quantiles()) - 1;
      statements.tags[index] = tag;
    }
    this.durations[tag]?.add(milliseconds);
  }

  /** Those of statements that are no longer counted. */
  #dropDurations(): void {
    const { statements } = this;
    this.#dropped = statements.dropped;
    const kept: Quantiles[] = [];
    for (let index = 0; index < statements.size; index += 1) {
      const durations = this.durations[statements.tags[index] ?? -1];
      if (durations !== undefined) statements.tags[index] = kept.push(durations) - 1;
    }
    this.durations = kept;
  }
}
