/** Upgrades: every check before the handshake is answered, then a session. */
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';
import type { closeCodes } from '../protocol/errors.ts';
import { maxMessageBytes } from '../protocol/methods.ts';
import type { Identity, Login } from './auth.ts';
import { refusalText } from './http.ts';
import type { Limits } from './limits.ts';
import { checkRequest } from './requestCheck.ts';
import { Session, type SessionServices } from './session.ts';
import type { Refusal, Transport } from './transport.ts';
import type { UnauthenticatedSockets } from './unauthenticated.ts';

export interface SessionListOptions {
  readonly authenticate: (request: IncomingMessage, via: Transport) => Login;
  readonly session: Omit<SessionServices, 'helloMs'>;
  readonly unauthenticated: UnauthenticatedSockets;
  readonly limits: Limits;
}

/** The sessions of all transports. */
export class SessionList {
  readonly #options: SessionListOptions;
  readonly #sessions = new Set<Session>();
  readonly #webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: maxMessageBytes,
    perMessageDeflate: false,
    handleProtocols: () => false,
  });
  #heart: NodeJS.Timeout | null = null;

  constructor(options: SessionListOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#sessions.size;
  }

  serve(server: Server, via: Transport): void {
    server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      this.#upgrade(request, socket, head, via);
    });
  }

  start(): void {
    this.#heart ??= setInterval(() => {
      for (const session of this.#sessions) session.beat();
    }, this.#options.limits.heartbeatMs).unref();
  }

  /** Tokens were revoked or changed. */
  verifyAll(): void {
    for (const session of this.#sessions) session.verifyAgain();
  }

  /** Resolves once all are gone, at the latest after the grace of their close frames. */
  async stop(code: keyof typeof closeCodes, reason: string): Promise<void> {
    if (this.#heart !== null) clearInterval(this.#heart);
    this.#heart = null;
    const open = [...this.#sessions];
    for (const session of open) session.close(code, reason);
    await Promise.all(open.map((session) => session.ended));
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer, via: Transport): void {
    const login = this.#admit(request, via);
    if ('refusal' in login) {
      socket.on('error', () => socket.destroy());
      socket.end(refusalText(login.refusal), () => {
        socket.destroySoon();
      });
      return;
    }
    this.#options.unauthenticated.passed(socket);
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      this.#open(webSocket, login.identity);
    });
  }

  #admit(request: IncomingMessage, via: Transport): Login {
    const refusal = checkRequest(request, via) ?? checkPath(request);
    if (refusal !== null) return { refusal };
    const login = this.#options.authenticate(request, via);
    if ('refusal' in login || this.#sessions.size < this.#options.limits.sessions) return login;
    return {
      refusal: {
        status: 503,
        message: `This agent serves ${this.#options.limits.sessions} clients already: close one, or try again later.`,
        headers: { 'Retry-After': '10' },
      },
    };
  }

  #open(webSocket: WebSocket, identity: Identity): void {
    const { session: services, limits } = this.#options;
    const session = new Session(webSocket, identity, { ...services, helloMs: limits.helloMs });
    this.#sessions.add(session);
    void session.ended.then(() => {
      this.#sessions.delete(session);
    });
  }
}

function checkPath(request: IncomingMessage): Refusal | null {
  return request.url === '/' ? null : { status: 404, message: 'WebSockets are served at / only.' };
}
