/** One live connection: hello, then state and events in step with the agent, and requests checked by their schemas. */
import type * as z from 'zod';
import { CancellationTokenSource, ErrorCodes, ResponseError, type MessageConnection } from 'vscode-jsonrpc/node';
import type { WebSocket } from 'ws';
import { closeCodes, errorCodes } from '../../agent/protocol/errors.ts';
import { eventEnvelope } from '../../agent/protocol/events.ts';
import {
  methods,
  oldestProtocol,
  protocolVersion,
  type MethodName,
  type MethodParams,
  type MethodResult,
  type Snapshot,
} from '../../agent/protocol/methods.ts';
import { problemOfClose, type Problem } from './connectionState.ts';
import { AgentError, BadAnswerError, messageOf, NotConnectedError } from './errors.ts';
import type { Log } from './log.ts';
import { ConnectError } from './openSocket.ts';
import { connectSocket } from './socketConnection.ts';

export type EventEnvelope = z.infer<typeof eventEnvelope>;
export type Hello = MethodResult<'hello'>;

/** Who keeps the state: it alone knows the last event that it has. */
export interface EventSink {
  /** Null before the first snapshot. */
  readonly cursor: () => { readonly epoch: string; readonly seq: number } | null;
  readonly reset: (snapshot: Snapshot) => void;
  /** `gap`: events before this one are missing, or it could not be read; the sink has not moved. */
  readonly receive: (envelope: EventEnvelope) => 'applied' | 'duplicate' | 'gap';
}

export interface RequestOptions {
  readonly signal?: AbortSignal;
  /** Null waits for ever (long polls). */
  readonly timeoutMs?: number | null;
}

const requestTimeoutMs = 30_000;
const defaultHeartbeatMs = 15_000;
/** Events held back while a snapshot is on its way; beyond this the oldest go, and the hole is noticed. */
const longestQueue = 10_000;
const mostRounds = 5;

export class ClientSession {
  readonly #socket: WebSocket;
  readonly #rpc: MessageConnection;
  readonly #sink: EventSink;
  readonly #log: Log;
  readonly #onLost: (problem: Problem) => void;
  readonly #heartbeat: NodeJS.Timeout;
  #inStep = false;
  #queue: EventEnvelope[] = [];
  #closed = false;

  /** `socket` is open. `onLost` is called at most once, and never after `close`. */
  constructor(
    socket: WebSocket,
    sink: EventSink,
    log: Log,
    on: { readonly onLost: (problem: Problem) => void; readonly heartbeatMs?: number | undefined },
  ) {
    this.#socket = socket;
    this.#sink = sink;
    this.#log = log;
    this.#onLost = on.onLost;
    this.#rpc = connectSocket(socket);
    this.#rpc.onNotification('event', (params: unknown) => {
      this.#onEvent(params);
    });
    this.#rpc.onError(([error]) => {
      this.#log.debug(`connection: ${messageOf(error)}`);
    });
    socket.once('close', (code, reason) => {
      this.#lose(problemOfClose(code, reason.toString('utf8')));
    });
    this.#heartbeat = this.#startHeartbeat(on.heartbeatMs ?? defaultHeartbeatMs);
    this.#rpc.listen();
  }

  /** Introduces itself and brings the sink up to date. */
  async open(clientName: string): Promise<Hello> {
    const hello = await this.#hello(clientName);
    await this.#synchronise(this.#sink.cursor());
    return hello;
  }

  async request<M extends MethodName>(
    method: M,
    params: MethodParams<M>,
    { signal, timeoutMs = requestTimeoutMs }: RequestOptions = {},
  ): Promise<MethodResult<M>> {
    if (this.#closed) throw new NotConnectedError('the connection to the agent is closed');
    signal?.throwIfAborted();
    const cancel = new CancellationTokenSource();
    const given = new Promise<never>((_resolve, reject) => {
      cancel.token.onCancellationRequested(() => {
        reject(new NotConnectedError(`the agent did not answer ${method} within ${(timeoutMs ?? 0) / 1000} s`));
      });
    });
    const onAbort = (): void => {
      cancel.cancel();
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    const timer = timeoutMs === null ? undefined : setTimeout(onAbort, timeoutMs);
    try {
      const answer: unknown = await Promise.race([this.#rpc.sendRequest(method, params, cancel.token), given]);
      const parsed = methods[method].result.safeParse(answer);
      if (!parsed.success) throw new BadAnswerError(method, parsed.error);
      return parsed.data as MethodResult<M>;
    } catch (error) {
      signal?.throwIfAborted();
      throw asRequestError(error);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      cancel.dispose();
    }
  }

  close(code: number = closeCodes.normal, reason = ''): void {
    if (this.#closed) return;
    this.#release();
    this.#socket.close(code, reason);
  }

  async #hello(client: string): Promise<Hello> {
    try {
      return await this.request('hello', { client, protocol: protocolVersion, oldestProtocol });
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      const final = error.code === errorCodes.versionMismatch || error.code === errorCodes.forbidden;
      throw new ConnectError({ message: error.message, code: error.code, final }, { cause: error });
    }
  }

  /** Subscribes after `known`; without it, or where the agent no longer has what follows, from a new snapshot. */
  async #synchronise(known: { readonly epoch: string; readonly seq: number } | null): Promise<void> {
    let cursor = known;
    for (let round = 0; round < mostRounds; round += 1) {
      if (cursor === null) {
        const snapshot = await this.request('snapshot', {});
        if (this.#closed) throw new NotConnectedError('the connection broke during the snapshot');
        this.#sink.reset(snapshot);
        cursor = { epoch: snapshot.epoch, seq: snapshot.seq };
      }
      const { gap } = await this.request('events.subscribe', { epoch: cursor.epoch, after: cursor.seq });
      if (this.#closed) throw new NotConnectedError('the connection broke during the subscription');
      if (!gap) {
        this.#inStep = true;
        this.#drain();
        return;
      }
      cursor = null;
    }
    throw new NotConnectedError('the agent reports missing events after every snapshot');
  }

  #onEvent(params: unknown): void {
    const envelope = eventEnvelope.safeParse(params);
    if (!envelope.success) {
      this.#log.warn(`an event that does not fit the protocol was received: ${envelope.error.message}`);
      if (this.#inStep) this.#startOver();
      return;
    }
    this.#queue.push(envelope.data);
    if (this.#queue.length > longestQueue) this.#queue.shift();
    if (this.#inStep) this.#drain();
  }

  #drain(): void {
    let envelope = this.#queue.shift();
    while (envelope !== undefined) {
      if (this.#sink.receive(envelope) === 'gap') {
        this.#queue.unshift(envelope);
        this.#log.warn(`event ${envelope.seq} does not follow the last one; taking a snapshot`);
        this.#startOver();
        return;
      }
      envelope = this.#queue.shift();
    }
  }

  #startOver(): void {
    this.#inStep = false;
    this.#synchronise(null).catch((error: unknown) => {
      this.#lose({ message: messageOf(error), code: null, final: false });
      this.#socket.close(closeCodes.goingAway);
    });
  }

  /** A peer that vanished without a word is noticed by its missing pong (RFC 6455 §5.5.2). */
  #startHeartbeat(heartbeatMs: number): NodeJS.Timeout {
    let answered = true;
    this.#socket.on('pong', () => {
      answered = true;
    });
    return setInterval(() => {
      if (answered) {
        answered = false;
        this.#socket.ping();
      } else {
        this.#lose({ message: 'the agent does not answer any more', code: null, final: false });
        this.#socket.terminate();
      }
    }, heartbeatMs);
  }

  #lose(problem: Problem): void {
    if (this.#closed) return;
    this.#release();
    this.#onLost(problem);
  }

  #release(): void {
    this.#closed = true;
    this.#inStep = false;
    this.#queue = [];
    clearInterval(this.#heartbeat);
    this.#rpc.dispose();
  }
}

function asRequestError(error: unknown): unknown {
  if (error instanceof ResponseError) {
    if (error.code === ErrorCodes.PendingResponseRejected)
      return new NotConnectedError('the connection broke before the agent answered', { cause: error });
    return new AgentError(error.message, error.code);
  }
  if (error instanceof BadAnswerError || error instanceof NotConnectedError) return error;
  return new NotConnectedError(`the request could not be sent: ${messageOf(error)}`, { cause: error });
}
