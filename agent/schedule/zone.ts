/**
 * Time zones of the IANA database as stretches of constant UTC offset, found through Intl once and kept.
 * "Local" times are milliseconds too: the instant at which a clock in UTC would show the same date and time.
 */

const hour = 3_600_000;
/** Sampling step. No zone has changed its offset and back within it since 1970 (Ramadan breaks of summer time last four weeks). */
const sample = 8 * 24 * hour;
/** No zone was ever further from UTC (Manila before 1844: 15 h 56 min). */
const widestOffset = 16 * hour;
/** Intl takes no instant beyond ±8.64e15 ms. */
const lastInstant = 8.64e15;
/** Keeps the memory of one zone under about 1 MB however far apart the instants asked for are. */
const keptSamples = 5000;

/** Part of a stretch [start, end) with one offset; `end` is a change of the offset or merely where the known part ends. Milliseconds. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
  readonly offset: number;
}

/** A change of the offset at an instant: a gap when `after` is greater than `before`, else a repeated time. Milliseconds. */
export interface OffsetChange {
  readonly at: number;
  readonly before: number;
  readonly after: number;
}

/** Where a local time comes to lie: its first instant, or, when the clock skips it, the instant of the jump. */
export interface Landing {
  readonly at: number;
  /** Length of the gap that holds the local time; 0 when it exists. */
  readonly skipped: number;
  /** Local time after all those that land in the same gap or known stretch. */
  readonly resume: number;
}

const zones = new Map<string, Zone>();
/** Intl loads 8 MB of ICU data, which hosts that only know UTC do without. */
const utcNames = new Set(['UTC', 'Etc/UTC']);

/** The zone of an IANA name (any case) or null when there is none. A bare offset such as `+02:00` is no zone name. */
export function zoneNamed(name: string): Zone | null {
  const known = zones.get(name);
  if (known !== undefined) return known;
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(name)) return null;
  let format: Intl.DateTimeFormat | null = null;
  try {
    if (!utcNames.has(name)) format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' });
  } catch {
    return null;
  }
  const canonical = format?.resolvedOptions().timeZone ?? 'UTC';
  const zone = zones.get(canonical) ?? new Zone(canonical, format);
  zones.set(canonical, zone);
  return zone;
}

export class Zone {
  readonly name: string;
  /** Null for UTC. */
  readonly #format: Intl.DateTimeFormat | null;
  readonly #samples = new Map<number, readonly Stretch[]>();

  constructor(name: string, format: Intl.DateTimeFormat | null) {
    this.name = name;
    this.#format = format;
  }

  stretchAt(instant: number): Stretch {
    const stretches = this.#sample(Math.floor(instant / sample));
    const found = stretches.find((stretch) => instant < stretch.end);
    if (found === undefined) throw new RangeError(`No date: ${instant}`);
    return found;
  }

  landing(local: number): Landing {
    let stretch = this.stretchAt(local - widestOffset);
    let before = stretch.offset;
    while (local - stretch.offset >= stretch.end) {
      before = stretch.offset;
      stretch = this.stretchAt(stretch.end);
    }
    const at = local - stretch.offset;
    if (at >= stretch.start) return { at, skipped: 0, resume: stretch.end + stretch.offset };
    return { at: stretch.start, skipped: stretch.offset - before, resume: stretch.start + stretch.offset };
  }

  /** Changes of the offset in (from, until], in order. */
  changesBetween(from: number, until: number): OffsetChange[] {
    const changes: OffsetChange[] = [];
    let stretch = this.stretchAt(from);
    while (stretch.end <= until) {
      const next = this.stretchAt(stretch.end);
      if (next.offset !== stretch.offset) changes.push({ at: next.start, before: stretch.offset, after: next.offset });
      stretch = next;
    }
    return changes;
  }

  #sample(index: number): readonly Stretch[] {
    const known = this.#samples.get(index);
    if (known !== undefined) return known;
    const start = index * sample;
    const end = start + sample;
    const stretches: Stretch[] = [];
    this.#divide({ start, offset: this.#offsetAt(start) }, { start: end, offset: this.#offsetAt(end) }, stretches);
    const last = stretches.at(-1);
    const lastEnd = last?.end ?? start;
    if (lastEnd < end) stretches.push({ start: lastEnd, end, offset: this.#offsetAt(lastEnd) });
    if (this.#samples.size >= keptSamples) this.#samples.clear();
    this.#samples.set(index, stretches);
    return stretches;
  }

  /** Bisects down to the second; appends each stretch that ends at a change within (from, to]. */
  #divide(from: Omit<Stretch, 'end'>, to: Omit<Stretch, 'end'>, stretches: Stretch[]): void {
    if (from.offset === to.offset) return;
    if (to.start - from.start <= 1000) {
      const start = stretches.at(-1)?.end ?? Math.floor(from.start / sample) * sample;
      stretches.push({ start, end: to.start, offset: from.offset });
      return;
    }
    const middle = Math.floor((from.start + to.start) / 2000) * 1000;
    const half = { start: middle, offset: this.#offsetAt(middle) };
    this.#divide(from, half, stretches);
    this.#divide(half, to, stretches);
  }

  #offsetAt(instant: number): number {
    if (this.#format === null) return 0;
    const clamped = Math.min(Math.max(instant, -lastInstant), lastInstant);
    const match = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(this.#format.format(clamped));
    if (match === null) throw new Error(`Intl gave no offset for zone ${this.name}.`);
    const [, sign, hours = '0', minutes = '0', seconds = '0'] = match;
    return (sign === '-' ? -1000 : 1000) * (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds));
  }
}
