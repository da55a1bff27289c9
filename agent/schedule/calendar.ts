/**
 * Blackouts: "does one hold at this instant?" is computed from the rule at each decision, never from a held timer. Pure.
 * A blackout by schedule lasts its duration in elapsed time, also over a change of the clock; the beginning is in, the end is out.
 */
import type { BlackoutConfig } from '../config/blackouts.ts';
import { CronError, nextRun, parseCron } from './cron.ts';
import { instantIn } from './localTime.ts';
import { zoneNamed, type Zone } from './zone.ts';

export interface InBlackout {
  /** Of all that hold at the instant, in the order of the file. */
  readonly names: readonly string[];
  /** End of the union of overlapping and adjoining ones, milliseconds since the epoch; null = none comes in sight. */
  readonly until: number | null;
  /** Places with a mistake: each may be a blackout that holds, so that they hold everything back. */
  readonly unread?: readonly string[];
}

/** A refused rule: which key of it, and one sentence without full stop. */
export class BlackoutError extends Error {
  override readonly name = 'BlackoutError';
  readonly key: string;

  constructor(key: string, message: string) {
    super(message);
    this.key = key;
  }
}

interface Blackout {
  readonly config: BlackoutConfig;
  /** End of the occurrence that holds an instant, or null. */
  readonly endAt: (instant: number) => number | null;
}

/** Questions to rules after which a union is called endless: some milliseconds of work. */
const mostAsked = 5000;
/** So long an endless union is not looked at again. */
const endlessFor = 3_600_000;

export class Calendar {
  readonly #blackouts: readonly Blackout[];
  readonly #unread: readonly string[];
  /** The last union found for each set of rules: many questions fall into the same. */
  readonly #unions = new Map<string, { readonly from: number; readonly to: number; readonly until: number | null }>();
  #asked = 0;

  /**
   * Throws BlackoutError for a rule that `loadBlackouts` refuses. `zone` is that of rules that name none. While there are
   * `unread` places, where nobody knows what was meant to be closed, every task is held back.
   */
  constructor(rules: readonly BlackoutConfig[], zone: string, unread: readonly string[] = []) {
    this.#unread = unread;
    this.#blackouts = rules.map((config) => ({ config, endAt: endsOf(config, zone) }));
  }

  get isEmpty(): boolean {
    return this.#blackouts.length === 0 && this.#unread.length === 0;
  }

  /** Questions to single rules so far: what a caller with little time may spend. */
  get asked(): number {
    return this.#asked;
  }

  /** The blackout that holds a task back at an instant; null = it may run. */
  at(task: { readonly name: string; readonly group?: string | undefined }, instant: number): InBlackout | null {
    if (this.#unread.length > 0) {
      return { names: this.#unread.map((place) => `${place} (a mistake)`), until: null, unread: this.#unread };
    }
    const concerned = this.#blackouts.filter(({ config }) => concerns(config, task));
    this.#asked += concerned.length;
    const holding = concerned.filter(({ endAt }) => endAt(instant) !== null);
    if (holding.length === 0) return null;
    return { names: holding.map(({ config }) => config.name), until: this.#endOfUnion(concerned, instant) };
  }

  #endOfUnion(concerned: readonly Blackout[], instant: number): number | null {
    const key = concerned.map((blackout) => this.#blackouts.indexOf(blackout)).join(',');
    const known = this.#unions.get(key);
    if (known !== undefined && instant >= known.from && instant < known.to) return known.until;
    let end: number | null = instant;
    for (let asked = 0; ; asked += concerned.length) {
      if (asked > mostAsked) {
        end = null;
        break;
      }
      this.#asked += concerned.length;
      const reached: number = end;
      const ends = concerned.flatMap(({ endAt }) => endAt(reached) ?? []);
      if (ends.length === 0) break;
      end = Math.max(...ends);
    }
    this.#unions.set(key, { from: instant, to: end ?? instant + endlessFor, until: end });
    return end;
  }
}

export const noBlackouts = new Calendar([], 'UTC');

/** What holds a task back, after "is" or alone. */
export function describeBlackout({ names, until, unread }: InBlackout): string {
  if (unread !== undefined) {
    return `held back by a mistake in ${unread.join(', ')} of maintenance.yaml, which may be a blackout that holds now`;
  }
  const which = `in the blackout ${names.map((name) => `"${name}"`).join(' and ')}`;
  return until === null ? which : `${which} until ${new Date(until).toISOString().replace('.000Z', 'Z')}`;
}

function concerns(
  { tasks, groups }: BlackoutConfig,
  task: { readonly name: string; readonly group?: string | undefined },
): boolean {
  if (tasks === undefined && groups === undefined) return true;
  return tasks?.includes(task.name) === true || (task.group !== undefined && groups?.includes(task.group) === true);
}

function endsOf(config: BlackoutConfig, fileZone: string): Blackout['endAt'] {
  const { schedule, from, to } = config;
  const zoneName = config.timezone ?? fileZone;
  const zone = zoneNamed(zoneName);
  if (zone === null) {
    throw new BlackoutError('timezone', `there is no time zone "${zoneName}"; use an IANA name such as Europe/Berlin`);
  }
  if (schedule !== undefined) {
    if (from !== undefined || to !== undefined) {
      throw new BlackoutError('schedule', 'give either `schedule` and `duration` or `from` and `to`, not both');
    }
    if (config.duration === undefined) throw new BlackoutError('schedule', '`schedule` needs `duration` beside it');
    return repeating(schedule, config.duration, zone.name);
  }
  if (config.duration !== undefined) throw new BlackoutError('duration', '`duration` needs `schedule` beside it');
  const start = instantOrThrow('from', from, zone);
  const end = instantOrThrow('to', to, zone);
  if (end <= start) throw new BlackoutError('to', '`to` is not after `from`');
  return (instant) => (instant >= start && instant < end ? end : null);
}

function repeating(expression: string, duration: number, zone: string): Blackout['endAt'] {
  let cron: ReturnType<typeof parseCron>;
  try {
    cron = parseCron(expression, { zone });
  } catch (error) {
    if (!(error instanceof CronError)) throw error;
    throw new BlackoutError('schedule', error.message.replace(/\.$/, ''));
  }
  // Neighbouring questions have the same answer: the beginning that comes first after `known.from`.
  let known = { from: 0, start: -1 };
  return (instant) => {
    const from = instant - duration;
    if (from < known.from || from >= known.start) {
      known = { from, start: nextRun(cron, new Date(from))?.getTime() ?? Number.POSITIVE_INFINITY };
    }
    return known.start <= instant ? known.start + duration : null;
  };
}

function instantOrThrow(key: 'from' | 'to', text: string | undefined, zone: Zone): number {
  if (text === undefined) throw new BlackoutError(key, `\`${key}\` is missing: give \`from\` and \`to\``);
  const instant = instantIn(zone, text);
  if (instant !== null) return instant;
  throw new BlackoutError(key, `\`${key}\` must be a date and time such as 2026-12-24T02:00`);
}
