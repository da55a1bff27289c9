/** A small agent on loopback that speaks the wire: numbered events, snapshots, subscriptions; tests cut and bend it. */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { AddressInfo } from 'node:net';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Snapshot } from '../../../agent/protocol/methods.ts';
import { makeSnapshot } from '../nouns.ts';

type WebServer = ReturnType<typeof createServer> | ReturnType<typeof createTlsServer>;
type Answer = { readonly result: unknown } | { readonly error: { readonly code: number; readonly message: string } };
interface Request {
  readonly id: number;
  readonly method: string;
  readonly params: Record<string, unknown>;
}
interface Event {
  readonly seq: number;
  readonly at: string;
  readonly type: string;
  readonly data: unknown;
}

export class AgentDouble {
  readonly events: Event[] = [];
  readonly requests: Request[] = [];
  /** Answers by method, before the built-in ones. */
  readonly answers = new Map<string, (request: Request, socket: WebSocket) => Answer | null>();
  /** Decides over an upgrade: HTTP status of a refusal, or null. */
  refuse: (headers: Record<string, string | string[] | undefined>) => number | null = () => null;
  epoch = 'epoch-1';
  /** Events up to here are gone. */
  forgotten = 0;
  snapshotFields: Partial<Snapshot> = {};
  readonly #http: WebServer;
  readonly #scheme: 'ws' | 'wss';
  readonly #sockets: WebSocketServer;
  readonly #subscribers = new Map<WebSocket, number>();

  private constructor(http: WebServer, scheme: 'ws' | 'wss') {
    this.#http = http;
    this.#scheme = scheme;
    this.#sockets = new WebSocketServer({ noServer: true });
    http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      const status = this.refuse(request.headers);
      if (status !== null) socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
      else
        this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
          this.#serve(webSocket);
        });
    });
  }

  /** With `tls` it speaks that and nothing else. `port`: 0 = any that is free. */
  static async start(tls: ServerOptions | null = null, port = 0): Promise<AgentDouble> {
    const http = tls === null ? createServer() : createTlsServer(tls);
    const double = new AgentDouble(http, tls === null ? 'ws' : 'wss');
    http.listen(port, '127.0.0.1');
    await once(http, 'listening');
    return double;
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${this.port}/`;
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.cut();
    this.#sockets.close();
    this.#http.close();
    this.#http.closeAllConnections();
    await once(this.#http, 'close');
  }

  emit(type: string, data: unknown): void {
    this.events.push({ seq: this.events.length + 1, at: '2026-03-01T12:00:00.000Z', type, data });
    this.#push();
  }

  /** Tears every connection without a close frame. */
  cut(): void {
    for (const socket of this.#sockets.clients) socket.terminate();
  }

  close(code: number, reason: string): void {
    for (const socket of this.#sockets.clients) socket.close(code, reason);
  }

  /** Sends text to every client as it is. */
  sendRaw(text: string): void {
    for (const socket of this.#sockets.clients) socket.send(text);
  }

  #serve(socket: WebSocket): void {
    socket.on('error', () => undefined);
    socket.on('close', () => this.#subscribers.delete(socket));
    socket.on('message', (data: Buffer) => {
      const request = JSON.parse(data.toString('utf8')) as Request;
      this.requests.push(request);
      const own = this.answers.get(request.method);
      const answer = own === undefined ? this.#answer(request, socket) : own(request, socket);
      if (answer !== null) socket.send(JSON.stringify({ jsonrpc: '2.0', id: request.id, ...answer }));
      this.#push();
    });
  }

  #answer(request: Request, socket: WebSocket): Answer {
    const seq = this.events.length;
    const snapshot = makeSnapshot({ ...this.snapshotFields, epoch: this.epoch, seq });
    if (request.method === 'hello') {
      const { host, at } = snapshot;
      return { result: { protocol: 1, capabilities: [], host, role: 'admin', actor: 'test', now: at } };
    }
    if (request.method === 'snapshot') return { result: snapshot };
    if (request.method !== 'events.subscribe') return { error: { code: -32601, message: 'no such method' } };
    const after = Number(request.params['after']);
    const gap = request.params['epoch'] !== this.epoch || after < this.forgotten;
    if (!gap) this.#subscribers.set(socket, after);
    return { result: { gap, seq } };
  }

  #push(): void {
    for (const [socket, sent] of this.#subscribers) {
      for (const event of this.events.slice(sent))
        socket.send(JSON.stringify({ jsonrpc: '2.0', method: 'event', params: event }));
      this.#subscribers.set(socket, this.events.length);
    }
  }
}
