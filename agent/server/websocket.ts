/** Upgrades: every check before the handshake is answered, then a session. */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { WebSocketServer, type ServerOptions, type WebSocket } from 'ws';
import type { closeCodes } from '../protocol/errors.ts';
import { maxMessageBytes } from '../protocol/methods.ts';
import type { Identity, Login } from './auth.ts';
import { refusalText, type WebServer } from './http.ts';
import { InboundBudget } from './inbound.ts';
import { closeGraceMs, maxBufferedChunks, maxFragments, maxInboundBytes, type Limits } from './limits.ts';
import { takeAsItComes } from './oneByOne.ts';
import { checkRequest } from './requestCheck.ts';
import { Session, type SessionServices } from './session.ts';
import type { Refusal, Transport } from './transport.ts';
import type { UnauthenticatedSockets } from './unauthenticated.ts';

export interface SessionListOptions {
  readonly authenticate: (request: IncomingMessage, via: Transport) => Login;
  readonly session: Omit<SessionServices, 'helloMs' | 'inbound'>;
  readonly unauthenticated: UnauthenticatedSockets;
  readonly limits: Limits;
}

/** `@types/ws` does not know `closeTimeout` yet. */
const webSocketOptions: ServerOptions & { readonly closeTimeout: number } = {
  noServer: true,
  clientTracking: false,
  maxPayload: maxMessageBytes,
  maxFragments,
  maxBufferedChunks,
  perMessageDeflate: false,
  closeTimeout: closeGraceMs,
  handleProtocols: () => false,
};

/** The sessions of all transports. */
export class SessionList {
  readonly #options: SessionListOptions;
  readonly #sessions = new Set<Session>();
  readonly #webSockets = new WebSocketServer(webSocketOptions);
  readonly #inbound = new InboundBudget(maxInboundBytes);
  #heart: NodeJS.Timeout | null = null;

  constructor(options: SessionListOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#sessions.size;
  }

  serve(server: WebServer, via: Transport): void {
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
    const login = this.#judge(request, via);
    if ('refusal' in login) {
      socket.on('error', () => socket.destroy());
      socket.end(refusalText(login.refusal), () => {
        socket.destroySoon();
      });
      return;
    }
    this.#options.unauthenticated.passed(socket);
    takeAsItComes(socket);
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      this.#open(webSocket, socket, login.identity);
    });
  }

  /** A failure of our own (tokens that can not be read) refuses this one request; it would end the agent otherwise. */
  #judge(request: IncomingMessage, via: Transport): Login {
    try {
      return this.#admit(request, via);
    } catch (error) {
      this.#options.session.log.error({ err: error }, 'an upgrade failed');
      return { refusal: { status: 500, message: "It failed inside the agent: see the agent's log." } };
    }
  }

  #admit(request: IncomingMessage, via: Transport): Login {
    const refusal = checkRequest(request, via) ?? checkPath(request);
    if (refusal !== null) return { refusal };
    const login = this.#options.authenticate(request, via);
    if ('refusal' in login) return login;
    const { sessions, sessionsPerActor } = this.#options.limits;
    if (this.#sessions.size >= sessions) return tooMany(`This agent serves ${sessions} clients already`);
    const own = [...this.#sessions].filter(({ actor }) => actor === login.identity.actor).length;
    return own < sessionsPerActor ? login : tooMany(`${login.identity.actor} has ${own} connections already`);
  }

  #open(webSocket: WebSocket, socket: Socket, identity: Identity): void {
    const { session: services, limits } = this.#options;
    const inbound = this.#inbound;
    const session = new Session(webSocket, identity, { ...services, helloMs: limits.helloMs, inbound });
    this.#sessions.add(session);
    countUnfinished(webSocket, socket, (bytes) => {
      inbound.change(session, bytes);
    });
    webSocket.once('error', () => {
      // ws goes on reading, for the answer to its close frame: from a peer that broke the rules that may be anything, without end.
      process.nextTick(() => socket.pause());
    });
    void session.ended.then(() => {
      this.#sessions.delete(session);
      inbound.leave(session);
    });
  }
}

/** Only a whole message ends the count: control frames may come in between (RFC 6455 §5.4). */
function countUnfinished(webSocket: WebSocket, socket: Socket, change: (bytes: number) => void): void {
  let unfinished = 0;
  // Before ws sees the bytes, since it gives the message out while it reads them.
  socket.prependListener('data', (chunk: Buffer) => {
    if (webSocket.readyState !== webSocket.OPEN) return;
    unfinished += chunk.length;
    change(chunk.length);
  });
  webSocket.prependListener('message', () => {
    change(-unfinished);
    unfinished = 0;
  });
}

function tooMany(what: string): Login {
  const message = `${what}: close one, or try again later.`;
  return { refusal: { status: 503, message, headers: { 'Retry-After': '10' } } };
}

function checkPath(request: IncomingMessage): Refusal | null {
  return request.url === '/' ? null : { status: 404, message: 'WebSockets are served at / only.' };
}
