/** A real server on loopback with handlers that only tell that they were reached. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpRequest, type Agent } from 'node:http';
import { connect as netConnect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket, type ClientOptions } from 'ws';
import { connect, type AgentClient } from '../../agent/cli/client.ts';
import { methods, type MethodName, type MethodParams } from '../../agent/protocol/methods.ts';
import type { AgentEvent } from '../../agent/protocol/events.ts';
import type { HostInfo, Role } from '../../agent/protocol/nouns.ts';
import type { TokenHolder, TokenVerifier } from '../../agent/server/auth.ts';
import type { HandledMethod, Handlers } from '../../agent/server/dispatch.ts';
import type { EventSource } from '../../agent/server/eventPump.ts';
import type { Limits } from '../../agent/server/limits.ts';
import { RequestError } from '../../agent/server/requestError.ts';
import { createServer, type AgentServer, type ServerOptions } from '../../agent/server/server.ts';

export const at = '2026-01-02T03:04:05.678Z';
export const host: HostInfo = { name: 'test', platform: 'linux', agentVersion: '1.2.3', pid: 1, startedAt: at };

/** Events in memory; counts what was read of them. */
export class MemoryEvents implements EventSource {
  epoch = 'epoch-1';
  dropped = 0;
  reads = 0;
  eventsRead = 0;
  readonly #events: AgentEvent[] = [];
  readonly #listeners = new Set<() => void>();

  get listeners(): number {
    return this.#listeners.size;
  }

  latest(): number {
    return this.#events.length;
  }

  oldest(): number {
    return this.dropped + 1;
  }

  read(after: number, limit: number): readonly AgentEvent[] {
    const events = this.#events.slice(Math.max(after, this.dropped), Math.max(after, this.dropped) + limit);
    this.reads += 1;
    this.eventsRead += events.length;
    return events;
  }

  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** `padding` bytes make an event large. */
  append(count = 1, padding = 0): void {
    for (let index = 0; index < count; index += 1) {
      const seq = this.#events.length + 1;
      this.#events.push({ seq, at, type: 'report.removed', data: { id: `check:${seq}${'x'.repeat(padding)}` } });
    }
    for (const listener of this.#listeners) listener();
  }
}

export class MemoryTokens implements TokenVerifier {
  readonly holders = new Map<string, TokenHolder>(
    (['viewer', 'operator', 'admin'] satisfies Role[]).map((role) => [`${role}-token`, { name: `${role}-name`, role }]),
  );
  verified = 0;
  readonly #listeners = new Set<() => void>();

  verify(token: string): TokenHolder | null {
    this.verified += 1;
    return this.holders.get(token) ?? null;
  }

  onRevoked(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  revoke(token: string): void {
    this.holders.delete(token);
    for (const listener of this.#listeners) listener();
  }
}

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly fields: object;
  readonly message: string;
}

export interface Harness {
  readonly server: AgentServer;
  readonly events: MemoryEvents;
  readonly tokens: MemoryTokens;
  readonly log: LogLine[];
  readonly directory: string;
  readonly socketPath: string;
  readonly port: number;
  readonly url: string;
  client(role: Role): Promise<AgentClient>;
  /** A WebSocket that has opened, without hello. */
  open(options?: ClientOptions): Promise<WebSocket>;
  /** The HTTP status that an upgrade gets: 101 when it is accepted. */
  upgradeStatus(headers: Record<string, string>, path?: string): Promise<number>;
  get(path: string, options?: GetOptions): Promise<HttpAnswer>;
  /** Sends bytes, returns what came until the server closed. */
  raw(text: string, address?: string): Promise<string>;
  dispose(): Promise<void>;
}

export interface HarnessOptions extends Partial<Omit<ServerOptions, 'handlers' | 'limits'>> {
  readonly handlers?: Partial<Handlers>;
  readonly limits?: Partial<Limits>;
}

export interface GetOptions {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly socketPath?: string;
  readonly body?: string;
  /** Keeps connections; without it each request has its own. */
  readonly agent?: Agent;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export async function startHarness(options: HarnessOptions = {}): Promise<Harness> {
  const directory = mkdtempSync(join(tmpdir(), 'upkeep-server-'));
  const socketPath = join(directory, 'agent.sock');
  const events = new MemoryEvents();
  const tokens = new MemoryTokens();
  const log: LogLine[] = [];
  const write = (level: LogLine['level']) => (fields: object, message: string) => {
    log.push({ level, fields, message });
  };
  const server = createServer({
    listen: { host: '127.0.0.1', port: 0 },
    socketPath,
    events,
    tokens,
    hostInfo: () => host,
    metrics: () => ({ contentType: 'text/plain', text: 'metric 1\n' }),
    log: { info: write('info'), warn: write('warn'), error: write('error') },
    ...options,
    handlers: { ...reachedHandlers(), ...options.handlers },
  });
  try {
    await server.start();
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
  const port = server.addresses().tcp?.port ?? 0;
  const url = `ws://127.0.0.1:${port}`;
  const opened: WebSocket[] = [];
  const clients: AgentClient[] = [];
  return {
    server,
    events,
    tokens,
    log,
    directory,
    socketPath,
    port,
    url,
    async client(role) {
      const client = await connect({ url, token: `${role}-token` });
      clients.push(client);
      return client;
    },
    async open(wsOptions = {}) {
      const socket = new WebSocket(url, { headers: bearer('admin-token'), ...wsOptions });
      opened.push(socket);
      socket.on('error', () => undefined);
      await once(socket, 'open');
      return socket;
    },
    upgradeStatus: (headers, path = '/') => upgradeStatus(`${url}${path}`, headers),
    get: (path, getOptions = {}) => get(port, path, getOptions),
    raw: (text, address = '127.0.0.1') => raw(port, text, address),
    async dispose() {
      await Promise.all(clients.map((client) => client.close()));
      for (const socket of opened) socket.terminate();
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export function bearer(token: string): Record<string, string> {
  return { Authorization: `Bearer ${token}` };
}

/** The message by which a test sees that a handler was reached. */
export const reached = 'reached';

function reachedHandlers(): Handlers {
  const names = (Object.keys(methods) as MethodName[]).filter(isHandled);
  const throwing = (): never => {
    throw new RequestError('conflict', reached);
  };
  return Object.fromEntries(names.map((name) => [name, throwing])) as unknown as Handlers;
}

function isHandled(name: MethodName): name is HandledMethod {
  return name !== 'hello' && name !== 'events.subscribe';
}

/** Valid parameters of every method. */
export const validParams: { readonly [M in MethodName]: MethodParams<M> } = {
  hello: { client: 'test', protocol: 1, oldestProtocol: 1 },
  snapshot: {},
  'events.subscribe': { epoch: 'epoch-1', after: 0 },
  'tasks.run': { task: 'vacuum', requestId: 'request-1' },
  'tasks.snooze': { task: 'vacuum', until: null },
  'schedule.pause': {},
  'schedule.resume': {},
  'procedures.run': { procedure: 'health-check', options: {}, requestId: 'request-1' },
  'procedures.preview': { procedure: 'health-check', options: {} },
  'procedures.choices': { procedure: 'health-check' },
  'checks.run': {},
  'samples.list': { from: '2024-03-05T12:00:00.000Z' },
  'runs.list': {},
  'runs.get': { runId: 'run-1' },
  'runs.output': { runId: 'run-1', offset: 0 },
  'runs.report': { runId: 'run-1' },
  'runs.cancel': { runId: 'run-1' },
  'runs.approve': { runId: 'run-1' },
  'runs.reject': { runId: 'run-1' },
  'alerts.acknowledge': { alertId: 'alert-1' },
  'windows.open': { requestId: 'request-1', reason: 'upgrade', minutes: 30 },
  'windows.extend': { windowId: 'window-1', minutes: 10 },
  'windows.end': { windowId: 'window-1' },
  'windows.list': {},
  'runbooks.get': { path: '/runbook.md' },
  'runbooks.runBlock': {
    requestId: 'request-1',
    runbook: 'runbook.md',
    index: 0,
    language: 'bash',
    text: 'true',
    sha256: '0'.repeat(64),
  },
  'config.reload': {},
};

/** Sends one frame and waits for the next one that comes back. */
export async function ask(socket: WebSocket, frame: string | Buffer): Promise<unknown> {
  const answer = once(socket, 'message') as Promise<[Buffer]>;
  socket.send(frame);
  const [data] = await answer;
  return JSON.parse(data.toString('utf8')) as unknown;
}

export function requestFrame(id: number | string, method: string, params: unknown = {}): string {
  return JSON.stringify({ jsonrpc: '2.0', id, method, params });
}

export async function closeCodeOf(socket: WebSocket): Promise<number> {
  const [code] = (await once(socket, 'close')) as [number];
  return code;
}

function upgradeStatus(url: string, headers: Record<string, string>): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const socket = new WebSocket(url, { headers });
  socket.once('open', () => {
    resolve(101);
    socket.terminate();
  });
  socket.once('unexpected-response', (request, response) => {
    response.resume();
    resolve(response.statusCode ?? 0);
    request.destroy();
  });
  socket.on('error', reject);
  return promise;
}

async function get(port: number, path: string, options: GetOptions): Promise<HttpAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
  const { method = 'GET', headers = {}, socketPath, body, agent = false } = options;
  const target = socketPath === undefined ? { host: '127.0.0.1', port } : { socketPath };
  const request = httpRequest({ ...target, path, method, headers, agent }, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    response.on('end', () => {
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text });
    });
  });
  request.on('error', reject);
  request.end(body);
  return promise;
}

async function raw(port: number, text: string, address: string): Promise<string> {
  const socket = netConnect(port, address);
  let answer = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
  socket.on('error', () => undefined);
  // Not `once`, which an error would reject: a server that cuts the connection may reset it.
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.write(text);
  await closed;
  return answer;
}
