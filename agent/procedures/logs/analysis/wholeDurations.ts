/** Durations of requests that a log gives as whole numbers, without a unit. */
import type { RequestTime } from '../../../config/logs.ts';
import type { Quantiles } from './quantiles.ts';

export type DurationUnit = Exclude<RequestTime, 'auto'>;

const secondsOf: Readonly<Record<DurationUnit, number>> = { seconds: 1, milliseconds: 1e-3, microseconds: 1e-6 };

export class WholeDurations {
  count = 0;
  readonly #given: RequestTime;

  constructor(given: RequestTime) {
    this.#given = given;
  }

  /** In seconds; as long as the unit is to be guessed, as if it were microseconds. */
  take(value: number): number {
    this.count += 1;
    return value * secondsOf[this.#given === 'auto' ? 'microseconds' : this.#given];
  }

  /**
   * The unit, and what the durations that were taken are to be multiplied by. `all`: those of all requests; where some had a unit,
   * the others keep theirs. null = there was none without.
   */
  judge(all: Quantiles): { readonly unit: DurationUnit; readonly factor: number; readonly guessed: boolean } | null {
    if (this.count === 0) return null;
    if (this.#given !== 'auto') return { unit: this.#given, factor: 1, guessed: false };
    const unit = this.count === all.count ? guess(all) : 'microseconds';
    return { unit, factor: secondsOf[unit] / secondsOf.microseconds, guessed: true };
  }
}

/**
 * No server answers a twentieth of its requests within 20 µs, so such numbers are no microseconds (Apache `%D`). Where nearly all are
 * 0 or 1, they are seconds (`%T`), else milliseconds (`%{ms}T`).
 */
function guess(all: Quantiles): DurationUnit {
  const whole = (seconds: number | null): number => Math.round((seconds ?? 0) / secondsOf.microseconds);
  if (whole(all.at(0.05)) >= 20) return 'microseconds';
  return whole(all.at(0.95)) <= 1 && whole(all.max) <= 600 ? 'seconds' : 'milliseconds';
}
