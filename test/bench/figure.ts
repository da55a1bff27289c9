/** What a section measures, and how it is shown: beside the floor of the same run, with the goal and whether it was reached. */

export interface Figure {
  readonly name: string;
  readonly unit: string;
  /** Median of what was measured. */
  readonly ours: number;
  /** The least that any program of this kind could do here, measured between ours; null where there is none. */
  readonly floor: number | null;
  readonly goal: Goal | null;
}

export type Goal = { readonly atMost: number } | { readonly atLeast: number };

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/** `share` = 0.99 for p99. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function reached({ ours, goal }: Figure): boolean | null {
  if (goal === null) return null;
  return 'atMost' in goal ? ours <= goal.atMost : ours >= goal.atLeast;
}

export const heading = ['| figure | Upkeep | floor | ratio | goal | reached |', '|---|---:|---:|---:|---:|---|'];

export function rowOf(figure: Figure): string {
  const { name, unit, ours, floor, goal } = figure;
  const ratio = floor === null || floor === 0 ? '–' : `×${number(ours / floor)}`;
  const wanted = goal === null ? '–' : 'atMost' in goal ? `≤ ${goal.atMost}` : `≥ ${goal.atLeast}`;
  const verdict = { true: 'yes', false: '**no**', null: '–' }[String(reached(figure)) as 'true' | 'false' | 'null'];
  return `| ${[`${name}, ${unit}`, number(ours), floor === null ? '–' : number(floor), ratio, wanted, verdict].join(' | ')} |`;
}

function number(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
