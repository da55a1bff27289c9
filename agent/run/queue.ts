/**
 * Who may start now: a pure state machine over the runs that wait and those that are at work.
 *
 * Locks are first come, first served: a waiting run reserves what it needs against everyone behind it, so a run that needs
 * two locks is not starved by runs that need one. Where the limit of runs is what is short, turns go around: next is the
 * task group (or task) that was served longest ago, so one task with a hundred runs does not keep the others waiting.
 */

export interface Ticket {
  readonly id: string;
  /** Those of one key take turns with those of others: the task's group, or the task. */
  readonly key: string;
  /** What it holds alone while it is at work: `lock:NAME`, `task:NAME`. */
  readonly claims: readonly string[];
  readonly group: string | null;
  /** Whether the limits concern it. */
  readonly counted: boolean;
  /** Goes before all others: a clean-up that holds on to the locks of what it cleans up. */
  readonly ahead: boolean;
  /** Milliseconds since the epoch; null = at once. */
  readonly notBefore: number | null;
  readonly approved: boolean;
}

export interface QueueState {
  /** In the order of arrival. */
  readonly waiting: readonly Ticket[];
  readonly busy: readonly Ticket[];
  /** Keys in the order in which they were last served, the latest last. */
  readonly served: readonly string[];
}

export interface Limits {
  /** Runs of tasks at once. */
  readonly total: number;
  /** The same by group; a group that is not named has no limit of its own. */
  readonly groups: Readonly<Record<string, number>>;
}

export type QueueAction =
  | { readonly type: 'join'; readonly ticket: Ticket }
  /** One that is at work already: adopted from an earlier agent. */
  | { readonly type: 'resume'; readonly ticket: Ticket }
  | { readonly type: 'approve'; readonly id: string }
  | { readonly type: 'start'; readonly id: string }
  | { readonly type: 'leave'; readonly id: string };

export type Wait =
  | { readonly for: 'approval' }
  | { readonly for: 'retry'; readonly until: number }
  | { readonly for: 'turn' }
  | { readonly for: 'lock'; readonly lock: string }
  | { readonly for: 'limit'; readonly group: string | null };

export const emptyQueue: QueueState = { waiting: [], busy: [], served: [] };

/** A move that makes no sense (starting what does not wait) changes nothing. */
export function reduceQueue(state: QueueState, action: QueueAction): QueueState {
  switch (action.type) {
    case 'join':
      if (isThere(state, action.ticket.id)) return state;
      return { ...state, waiting: insert(state.waiting, action.ticket) };
    case 'resume':
      return isThere(state, action.ticket.id) ? state : { ...state, busy: [...state.busy, action.ticket] };
    case 'approve':
      return {
        ...state,
        waiting: state.waiting.map((ticket) => (ticket.id === action.id ? { ...ticket, approved: true } : ticket)),
      };
    case 'start': {
      const ticket = state.waiting.find(({ id }) => id === action.id);
      if (ticket === undefined) return state;
      return {
        waiting: state.waiting.filter(({ id }) => id !== action.id),
        busy: [...state.busy, ticket],
        served: [...state.served.filter((key) => key !== ticket.key), ticket.key],
      };
    }
    case 'leave':
      if (!isThere(state, action.id)) return state;
      return withoutStale({
        ...state,
        waiting: state.waiting.filter(({ id }) => id !== action.id),
        busy: state.busy.filter(({ id }) => id !== action.id),
      });
  }
}

/** The one that starts next, or null. `now` in milliseconds since the epoch. */
export function nextTurn(state: QueueState, limits: Limits, now: number): Ticket | null {
  const waits = waitsOf(state, limits, now);
  const able = state.waiting.filter(({ id }) => !waits.has(id));
  const turn = new Map(state.served.map((key, place) => [key, place]));
  let best: Ticket | null = null;
  for (const ticket of able) if (best === null || before(ticket, best, turn)) best = ticket;
  return best;
}

/** What each waiting run that can not start now waits for. */
export function waitsOf(state: QueueState, limits: Limits, now: number): ReadonlyMap<string, Wait> {
  const waits = new Map<string, Wait>();
  const taken = new Set(state.busy.flatMap(({ claims }) => claims));
  const counted = state.busy.filter((ticket) => ticket.counted);
  for (const ticket of state.waiting) {
    const wait = early(ticket, now) ?? claimed(ticket, taken) ?? limited(ticket, counted, limits);
    if (wait !== null) waits.set(ticket.id, wait);
    // One that waits for a person or an hour holds nothing back; all others keep their place for what they need.
    if (early(ticket, now) === null) for (const claim of ticket.claims) taken.add(claim);
  }
  return waits;
}

/** When the next retry is due; null = nothing waits for an hour. */
export function nextWake(state: QueueState, now: number): number | null {
  const times = state.waiting.flatMap(({ notBefore }) => (notBefore !== null && notBefore > now ? [notBefore] : []));
  return times.length === 0 ? null : Math.min(...times);
}

function early(ticket: Ticket, now: number): Wait | null {
  if (!ticket.approved) return { for: 'approval' };
  if (ticket.notBefore !== null && ticket.notBefore > now) return { for: 'retry', until: ticket.notBefore };
  return null;
}

function claimed(ticket: Ticket, taken: ReadonlySet<string>): Wait | null {
  const claim = ticket.claims.find((candidate) => taken.has(candidate));
  if (claim === undefined) return null;
  return claim.startsWith('task:') ? { for: 'turn' } : { for: 'lock', lock: claim.slice('lock:'.length) };
}

function limited(ticket: Ticket, counted: readonly Ticket[], limits: Limits): Wait | null {
  if (!ticket.counted) return null;
  if (ticket.group !== null && Object.hasOwn(limits.groups, ticket.group)) {
    const most = limits.groups[ticket.group] ?? Number.POSITIVE_INFINITY;
    const now = counted.filter(({ group }) => group === ticket.group).length;
    if (now >= most) return { for: 'limit', group: ticket.group };
  }
  return counted.length >= limits.total ? { for: 'limit', group: null } : null;
}

function before(one: Ticket, other: Ticket, turn: ReadonlyMap<string, number>): boolean {
  if (one.ahead !== other.ahead) return one.ahead;
  // Equal turns keep the order of arrival, in which this is asked.
  return (turn.get(one.key) ?? -1) < (turn.get(other.key) ?? -1);
}

function insert(waiting: readonly Ticket[], ticket: Ticket): readonly Ticket[] {
  if (!ticket.ahead) return [...waiting, ticket];
  const place = waiting.findIndex(({ ahead }) => !ahead);
  return place === -1 ? [...waiting, ticket] : waiting.toSpliced(place, 0, ticket);
}

function isThere(state: QueueState, wanted: string): boolean {
  return state.waiting.some(({ id }) => id === wanted) || state.busy.some(({ id }) => id === wanted);
}

/** Forgets whose turn it was where nobody is left to take one, so that names which come and go do not pile up. */
function withoutStale(state: QueueState): QueueState {
  return state.waiting.length === 0 && state.served.length > 0 ? { ...state, served: [] } : state;
}
