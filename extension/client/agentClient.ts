/** A connection to one agent that comes back by itself. State changes go through the reducer; this class performs them. */
import type { WebSocket } from 'ws';
import type { MethodName, MethodParams, MethodResult } from '../../agent/protocol/methods.ts';
import { ClientSession, type EventSink, type Hello, type RequestOptions } from './clientSession.ts';
import {
  idle,
  nextConnectionState,
  type ConnectionAction,
  type ConnectionState,
  type Problem,
} from './connectionState.ts';
import { Emitter } from './emitter.ts';
import { NotConnectedError } from './errors.ts';
import type { Log } from './log.ts';
import { openSocket, problemOf } from './openSocket.ts';

export interface AgentClientOptions {
  /** Name of the host, for messages. */
  readonly name: string;
  /** Named to the agent: `vscode-upkeep/0.1.0`. */
  readonly clientName: string;
  /** Begins a connection (token looked up, local agent started …). */
  readonly dial: () => Promise<WebSocket>;
  readonly sink: EventSink;
  readonly log: Log;
  readonly now?: () => number;
  readonly random?: () => number;
  /** Between pings, in milliseconds; one that is not answered before the next ends the connection. */
  readonly heartbeatMs?: number;
}

export class AgentClient {
  readonly #options: AgentClientOptions;
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #changed = new Emitter<ConnectionState>();
  #state: ConnectionState = idle;
  #session: ClientSession | null = null;
  #socket: WebSocket | null = null;
  #hello: Hello | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: AgentClientOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#random = options.random ?? Math.random;
  }

  readonly onDidChange = this.#changed.on;

  get state(): ConnectionState {
    return this.#state;
  }

  /** What the agent said of itself and of us, at the last connection. */
  get hello(): Hello | null {
    return this.#hello;
  }

  /** Idempotent: does nothing while a connection is there or under way. */
  start(): void {
    if (this.#state.kind === 'idle') this.#dispatch({ type: 'start' });
  }

  /** Drops what is there and dials at once. */
  reconnect(): void {
    this.#dispatch({ type: 'start' });
  }

  stop(): void {
    this.#dispatch({ type: 'stop' });
  }

  /** Resolves at once when online; rejects when the connection can not come about without a person, or is stopped. */
  whenOnline(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (state: ConnectionState): boolean => {
        if (state.kind === 'online') resolve();
        else if (state.kind === 'failed' || state.kind === 'idle') reject(this.#notConnected());
        else return false;
        return true;
      };
      if (look(this.#state)) return;
      const end = this.#changed.on((state) => {
        if (!look(state)) return;
        end();
        signal?.removeEventListener('abort', onAbort);
      });
      const onAbort = (): void => {
        end();
        reject(this.#notConnected());
      };
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  async request<M extends MethodName>(
    method: M,
    params: MethodParams<M>,
    options?: RequestOptions,
  ): Promise<MethodResult<M>> {
    const session = this.#session;
    if (this.#state.kind !== 'online' || session === null) throw this.#notConnected();
    return session.request(method, params, options);
  }

  #notConnected(): NotConnectedError {
    const state = this.#state;
    const why = state.kind === 'waiting' || state.kind === 'failed' ? `: ${state.problem.message}` : '';
    return new NotConnectedError(`${this.#options.name} is not connected${why}`);
  }

  #dispatch(action: ConnectionAction): void {
    const next = nextConnectionState(this.#state, action);
    if (next === this.#state) return;
    this.#state = next;
    clearTimeout(this.#timer);
    if (next.kind !== 'online') this.#dropConnection();
    if (next.kind === 'connecting') void this.#connect(next.attempt);
    if (next.kind === 'waiting') {
      this.#options.log.info(
        `${this.#options.name}: ${next.problem.message}; next attempt in ${next.retryAt - this.#now()} ms`,
      );
      this.#timer = setTimeout(() => {
        this.#dispatch({ type: 'due', attempt: next.attempt });
      }, next.retryAt - this.#now());
    }
    if (next.kind === 'failed') this.#options.log.error(`${this.#options.name}: ${next.problem.message}`);
    if (next.kind === 'online') this.#options.log.info(`${this.#options.name}: connected`);
    this.#changed.fire(next);
  }

  async #connect(attempt: number): Promise<void> {
    const isStale = (): boolean => this.#state.attempt !== attempt;
    try {
      const socket = await this.#options.dial();
      if (isStale()) {
        abandon(socket);
        return;
      }
      this.#socket = socket;
      await openSocket(socket);
      if (isStale()) return;
      const { sink, log, clientName, heartbeatMs } = this.#options;
      const onLost = (problem: Problem): void => {
        this.#dispatch({ type: 'lost', attempt, now: this.#now(), random: this.#random(), problem });
      };
      const session = new ClientSession(socket, sink, log, { onLost, heartbeatMs });
      this.#session = session;
      const hello = await session.open(clientName);
      if (isStale()) return;
      this.#hello = hello;
      this.#dispatch({ type: 'ready', attempt, now: this.#now() });
    } catch (error) {
      if (isStale()) return;
      this.#dispatch({ type: 'lost', attempt, now: this.#now(), random: this.#random(), problem: problemOf(error) });
    }
  }

  #dropConnection(): void {
    this.#session?.close();
    if (this.#socket !== null) abandon(this.#socket);
    this.#session = null;
    this.#socket = null;
  }
}

/** Closes politely; a peer that does not answer the close frame is cut off by `ws` itself after 30 s. */
function abandon(socket: WebSocket): void {
  socket.on('error', ignore);
  if (socket.readyState === socket.CONNECTING) socket.terminate();
  else socket.close();
}

function ignore(): void {
  /* An error of a connection that nobody wants any more. */
}
