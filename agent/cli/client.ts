/** The command line's connection to a running agent, over its Unix socket or a WebSocket URL with a token. */
import { createConnection } from 'node:net';
import { createMessageConnection, type Message, NullLogger, ResponseError } from 'vscode-jsonrpc/node';
import { WebSocket } from 'ws';
import { closeCodes, errorCodes, type ErrorName } from '../protocol/errors.ts';
import { parseEvent, type AgentEvent } from '../protocol/events.ts';
import {
  maxAnswerBytes,
  methods,
  notifications,
  oldestProtocol,
  protocolVersion,
  type MethodName,
  type MethodParams,
  type MethodResult,
} from '../protocol/methods.ts';
import { readServerMessage } from '../server/message.ts';
import { WebSocketReader, WebSocketWriter } from '../server/webSocketMessages.ts';

/** Where the agent is. A token is sent only to the named URL: redirects are not followed. */
export type AgentAddress =
  | { readonly socket: string }
  | {
      /** `ws://` or `wss://`, without query. */
      readonly url: string;
      readonly token: string;
    };

export interface AgentClient {
  /** What the agent said of itself. */
  readonly hello: MethodResult<'hello'>;
  /** Resolves with a result that fits the contract; rejects with AgentRequestError, or with a sentence when the connection ended. */
  request<M extends MethodName>(method: M, params: MethodParams<M>): Promise<MethodResult<M>>;
  /** Returns the function that stops it. */
  onEvent(listener: (event: AgentEvent) => void): () => void;
  /** Every event after `after`, then each new one; on `gap` none: take a snapshot and subscribe from there. */
  subscribe(epoch: string, after: number): Promise<MethodResult<'events.subscribe'>>;
  /** Resolves once the connection is over, whoever ended it. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  close(): Promise<void>;
}

/** The agent's answer to a request that it refused or that failed. */
export class AgentRequestError extends Error {
  override readonly name = 'AgentRequestError';
  readonly code: number;
  readonly errorName: ErrorName | null;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
    this.errorName = errorNames.get(code) ?? null;
  }
}

/** There is no agent to talk to, or it does not let us in; the message says which and what to do. */
export class AgentUnreachableError extends Error {
  override readonly name = 'AgentUnreachableError';
}

const errorNames = new Map(Object.entries(errorCodes).map(([name, code]) => [code as number, name as ErrorName]));
const connectMs = 10_000;
/** The agent pings every 20 s; when nothing came for three of them, the connection is dead. */
const longestSilenceMs = 60_000;

export async function connect(
  address: AgentAddress,
  { silenceMs = longestSilenceMs }: { readonly silenceMs?: number } = {},
): Promise<AgentClient> {
  const socket = dial(address);
  await opened(socket, nameOf(address));
  const closed = closeOf(socket);
  watchSilence(socket, silenceMs);
  const connection = createMessageConnection(
    new WebSocketReader(socket, (text) => acceptMessage(socket, text)),
    new WebSocketWriter(socket, (message) => JSON.stringify(message)),
    NullLogger,
  );
  const request = async <M extends MethodName>(method: M, params: MethodParams<M>): Promise<MethodResult<M>> => {
    const ended = closed.then(({ code, reason }) => {
      throw new Error(`the connection to ${nameOf(address)} ended before ${method} was answered (${code} ${reason})`);
    });
    if (socket.readyState !== socket.OPEN) return ended;
    const answer = connection.sendRequest<unknown>(method, params).catch((error: unknown) => {
      throw error instanceof ResponseError ? new AgentRequestError(error.code, error.message) : error;
    });
    return methods[method].result.parse(await Promise.race([answer, ended])) as MethodResult<M>;
  };
  const listeners = new Set<(event: AgentEvent) => void>();
  connection.onNotification('event', (params: unknown) => {
    const event = parseEvent(notifications.event.parse(params));
    if (event !== null) for (const listener of listeners) listener(event);
  });
  connection.listen();
  const close = async (): Promise<void> => {
    socket.close(closeCodes.normal);
    await closed;
    connection.dispose();
  };
  try {
    const hello = await request('hello', { client: 'upkeep-cli', protocol: protocolVersion, oldestProtocol });
    return {
      hello,
      request,
      onEvent: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      subscribe: (epoch, after) => request('events.subscribe', { epoch, after }),
      closed,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function dial(address: AgentAddress): WebSocket {
  const common = {
    maxPayload: maxAnswerBytes,
    perMessageDeflate: false,
    followRedirects: false,
    handshakeTimeout: connectMs,
  };
  if ('socket' in address) {
    // ws's own `ws+unix:` scheme takes no path with a space, `:` or `?`.
    return new WebSocket('ws://localhost/', { ...common, createConnection: () => createConnection(address.socket) });
  }
  if (address.url.includes('?'))
    throw new AgentUnreachableError(`the address ${nameOf(address)} has a query: leave it out`);
  return new WebSocket(address.url, { ...common, headers: { Authorization: `Bearer ${address.token}` } });
}

function opened(socket: WebSocket, name: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  socket.once('open', () => {
    resolve(undefined);
  });
  socket.once('unexpected-response', (request, response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk.subarray(0, 1000)));
    response.once('close', () => {
      const text = Buffer.concat(chunks.slice(0, 4)).toString('utf8').trim();
      reject(new AgentUnreachableError(`${name} refused the connection (${response.statusCode ?? 0}): ${text}`));
      request.destroy();
    });
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    reject(new AgentUnreachableError(`no agent answers at ${name}: ${adviceFor(error)}`, { cause: error }));
  });
  return promise;
}

function adviceFor(error: NodeJS.ErrnoException): string {
  if (error.code === 'EACCES') return 'its socket belongs to another user; run this as the user of the agent';
  const missing = error.code === 'ENOENT' || error.code === 'ECONNREFUSED';
  return missing ? 'start one with "upkeep serve"' : error.message;
}

function closeOf(socket: WebSocket): Promise<{ readonly code: number; readonly reason: string }> {
  const { promise, resolve } = Promise.withResolvers<{ readonly code: number; readonly reason: string }>();
  socket.once('close', (code, reason) => {
    resolve({ code, reason: reason.toString('utf8') });
  });
  return promise;
}

/** A half-open connection never fails by itself while nothing is written to it. */
function watchSilence(socket: WebSocket, silenceMs: number): void {
  const timer = setTimeout(() => {
    socket.terminate();
  }, silenceMs);
  const alive = (): void => {
    timer.refresh();
  };
  socket.on('ping', alive).on('message', alive);
  socket.once('close', () => {
    clearTimeout(timer);
  });
}

function acceptMessage(socket: WebSocket, text: string): Message | null {
  const read = readServerMessage(text);
  if (read.kind === 'message') return read.message;
  if (read.kind === 'unparsable') socket.close(closeCodes.invalidPayload, 'not JSON');
  return null;
}

/** For messages to people; a URL's user part or query could hold a secret. */
function nameOf(address: AgentAddress): string {
  if ('socket' in address) return address.socket;
  const url = URL.parse(address.url);
  return url === null ? 'the given address' : `${url.protocol}//${url.host}`;
}
