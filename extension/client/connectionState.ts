/**
 * The life of one connection to an agent, as a pure reducer. The client performs what a state asks for (dial, wait);
 * every action carries the attempt to which it belongs, so that a late answer of an earlier socket changes nothing.
 */
import { finalCloseCodes, finalHttpStatuses } from '../../agent/protocol/errors.ts';

export type ConnectionState =
  | { readonly kind: 'idle'; readonly attempt: number }
  | { readonly kind: 'connecting'; readonly attempt: number; readonly failures: number }
  | { readonly kind: 'online'; readonly attempt: number; readonly failures: number; readonly since: number }
  /** `retryAt`: milliseconds since 1970 at which the next attempt begins. */
  | {
      readonly kind: 'waiting';
      readonly attempt: number;
      readonly failures: number;
      readonly retryAt: number;
      readonly problem: Problem;
    }
  /** A person must act; only `start` leaves this state. */
  | { readonly kind: 'failed'; readonly attempt: number; readonly problem: Problem };

export interface Problem {
  /** One sentence for people. */
  readonly message: string;
  /** WebSocket close code or HTTP status where one was seen. */
  readonly code: number | null;
  readonly final: boolean;
}

export type ConnectionAction =
  /** Dials now, from any state: first start, or a person who does not want to wait. */
  | { readonly type: 'start' }
  | { readonly type: 'ready'; readonly attempt: number; readonly now: number }
  /** `random` in [0, 1) spreads the retries of many editors. */
  | {
      readonly type: 'lost';
      readonly attempt: number;
      readonly now: number;
      readonly random: number;
      readonly problem: Problem;
    }
  | { readonly type: 'due'; readonly attempt: number }
  | { readonly type: 'stop' };

export const idle: ConnectionState = { kind: 'idle', attempt: 0 };

const firstDelayMs = 500;
const longestDelayMs = 30_000;
/** A connection that lived this long starts its back-off afresh. */
const stableMs = 20_000;

export function nextConnectionState(state: ConnectionState, action: ConnectionAction): ConnectionState {
  switch (action.type) {
    case 'start':
      return { kind: 'connecting', attempt: state.attempt + 1, failures: 0 };
    case 'stop':
      return state.kind === 'idle' ? state : { kind: 'idle', attempt: state.attempt + 1 };
    case 'ready':
      if (state.kind !== 'connecting' || action.attempt !== state.attempt) return state;
      return { kind: 'online', attempt: state.attempt, failures: state.failures, since: action.now };
    case 'due':
      if (state.kind !== 'waiting' || action.attempt !== state.attempt) return state;
      return { kind: 'connecting', attempt: state.attempt + 1, failures: state.failures };
    case 'lost': {
      if ((state.kind !== 'connecting' && state.kind !== 'online') || action.attempt !== state.attempt) return state;
      if (action.problem.final) return { kind: 'failed', attempt: state.attempt, problem: action.problem };
      const stable = state.kind === 'online' && action.now - state.since >= stableMs;
      const failures = stable ? 0 : state.failures;
      return {
        kind: 'waiting',
        attempt: state.attempt,
        failures: failures + 1,
        retryAt: action.now + backOffMs(failures, action.random),
        problem: action.problem,
      };
    }
  }
}

/** Delay before the next attempt after so many failures in a row: doubles up to 30 s, then half of it is spread by chance. */
export function backOffMs(failures: number, random: number): number {
  const full = Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(failures, 16));
  return Math.round(full / 2 + (full / 2) * random);
}

export function problemOfClose(code: number, reason: string): Problem {
  const text = reason === '' ? `the connection was closed (code ${code})` : reason;
  return { message: text, code, final: finalCloseCodes.has(code) };
}

/** A refused upgrade (RFC 6455 §4.2.2): the HTTP status instead of 101. */
export function problemOfStatus(status: number): Problem {
  const why =
    status === 401
      ? 'the agent refused the token (HTTP 401): set one with "Upkeep: Set Token…"'
      : status === 403
        ? 'the agent refused this client (HTTP 403): the token has expired, or its host name is not allowed'
        : status === 421
          ? 'the agent does not know itself by this name (HTTP 421): add it to server.host_names in its maintenance.yaml'
          : `the agent refused the connection (HTTP ${status})`;
  return { message: why, code: status, final: finalHttpStatuses.has(status) };
}
