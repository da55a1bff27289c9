/** The agent's server: one logic on a TCP port and a Unix socket. It knows nothing of runs and tasks. */
import type { Socket } from 'node:net';
import { userInfo } from 'node:os';
import type { HostInfo } from '../protocol/nouns.ts';
import { createAuthenticator, type TokenVerifier } from './auth.ts';
import type { Handlers } from './dispatch.ts';
import type { EventSource } from './eventPump.ts';
import type { CertificateKeeper } from './certificateKeeper.ts';
import { createHttpServer, type HttpServices, type MetricsText, type WebServer } from './http.ts';
import { defaultLimits, type Limits } from './limits.ts';
import { listenTcp, listenUnix } from './listen.ts';
import type { ListenAddress } from './listenAddress.ts';
import type { ServerLog } from './log.ts';
import { LoginThrottle } from './loginThrottle.ts';
import { openRpcDocument } from './openRpc.ts';
import { TlsErrors } from './tlsErrors.ts';
import { Secrets } from '../secrets/secrets.ts';
import type { Transport } from './transport.ts';
import { UnauthenticatedSockets } from './unauthenticated.ts';
import { SessionList } from './websocket.ts';

export interface ServerOptions {
  /** Null = no TCP port. */
  readonly listen: ListenAddress | null;
  /** Null = no Unix socket. */
  readonly socketPath: string | null;
  /** With it the TCP port speaks TLS alone, and may listen beyond loopback. */
  readonly certificate?: CertificateKeeper | null;
  /** Further names by which clients may call this agent (Host header), without port. */
  readonly hostNames?: readonly string[];
  readonly handlers: Handlers;
  readonly events: EventSource;
  readonly tokens: TokenVerifier;
  readonly hostInfo: () => HostInfo;
  readonly metrics: () => MetricsText | Promise<MetricsText>;
  /** What `/healthz` says, one sentence each; none = all is well. */
  readonly problems?: () => readonly string[];
  /** True = `/metrics` needs no token over TCP; by default it needs one of any role. */
  readonly openMetrics?: boolean;
  readonly log: ServerLog;
  /** Absent = there are none. */
  readonly secrets?: Secrets;
  readonly limits?: Partial<Limits>;
  /** Monotonic milliseconds, for the slowing down of failed logins. */
  readonly monotonicNow?: () => number;
}

export interface ServerAddresses {
  readonly tcp: ListenAddress | null;
  readonly socket: string | null;
}

export interface AgentServer {
  /** Rejects with one sentence when a port or socket cannot be had; nothing is left listening then. */
  start(): Promise<void>;
  /** Closes every session with `goingAway` and waits until all sockets are gone. */
  stop(): Promise<void>;
  /** Where it listens; a port of 0 shows as the one it got. */
  addresses(): ServerAddresses;
  /** Connected clients. */
  sessionCount(): number;
  /** SHA-256 of the certificate that is shown to clients; null = the TCP port, if any, is plain. */
  fingerprint(): string | null;
  /** Reads the certificate's files again. */
  reloadCertificate(): void;
}

export function createServer(options: ServerOptions): AgentServer {
  const limits = { ...defaultLimits, ...options.limits };
  const unauthenticated = new UnauthenticatedSockets(limits.unauthenticated);
  const throttle = new LoginThrottle({ now: options.monotonicNow ?? (() => performance.now()) });
  const { log, handlers, events, hostInfo, tokens } = options;
  const authenticate = createAuthenticator({ tokens, throttle, log });
  const sessions = new SessionList({
    authenticate,
    session: { handlers, events, hostInfo, log, secrets: options.secrets ?? new Secrets() },
    unauthenticated,
    limits,
  });
  let openRpc: string | null = null;
  const http: HttpServices = {
    authenticate,
    metrics: options.metrics,
    openMetrics: options.openMetrics ?? false,
    problems: options.problems ?? (() => []),
    openRpc: () => (openRpc ??= JSON.stringify(openRpcDocument(hostInfo().agentVersion))),
    log,
    limits,
  };
  return new Listeners(options, { http, sessions, unauthenticated });
}

interface Parts {
  readonly http: HttpServices;
  readonly sessions: SessionList;
  readonly unauthenticated: UnauthenticatedSockets;
}

class Listeners implements AgentServer {
  readonly #options: ServerOptions;
  readonly #parts: Parts;
  readonly #servers: WebServer[] = [];
  readonly #certificate: CertificateKeeper | null;
  #addresses: ServerAddresses = { tcp: null, socket: null };
  #starting: Promise<void> | null = null;
  #stopping: Promise<void> | null = null;
  #forgetTokens: (() => void) | null = null;

  constructor(options: ServerOptions, parts: Parts) {
    this.#options = options;
    this.#parts = parts;
    this.#certificate = options.listen === null ? null : (options.certificate ?? null);
  }

  start(): Promise<void> {
    this.#starting ??= this.#open();
    return this.#starting;
  }

  stop(): Promise<void> {
    this.#stopping ??= (async () => {
      await this.#starting?.catch(() => undefined);
      await this.#close();
    })();
    return this.#stopping;
  }

  addresses(): ServerAddresses {
    return this.#addresses;
  }

  sessionCount(): number {
    return this.#parts.sessions.size;
  }

  fingerprint(): string | null {
    return this.#certificate?.current.fingerprint ?? null;
  }

  reloadCertificate(): void {
    this.#certificate?.reload();
  }

  async #open(): Promise<void> {
    if (this.#stopping !== null) throw new Error('the server was stopped: create a new one');
    const { listen, socketPath, hostNames = [], tokens, log } = this.#options;
    const { sessions } = this.#parts;
    try {
      if (socketPath !== null) {
        await listenUnix(this.#serve({ kind: 'unix', actor: `unix:${userName()}` }), socketPath);
        this.#addresses = { ...this.#addresses, socket: socketPath };
      }
      if (listen !== null) {
        const certificate = this.#certificate;
        const names = (): readonly string[] => [...hostNames, ...(certificate?.current.names ?? [])];
        const server = this.#serve({ kind: 'tcp', hostNames: names });
        const tcp = await listenTcp(server, listen, certificate !== null);
        this.#addresses = { ...this.#addresses, tcp };
      }
    } catch (error) {
      await this.#close();
      throw error;
    }
    sessions.start();
    this.#certificate?.start();
    this.#forgetTokens = tokens.onRevoked(() => {
      sessions.verifyAll();
    });
    log.info({ ...this.#addresses, fingerprint: this.fingerprint() }, 'the server is listening');
  }

  #serve(via: Transport): WebServer {
    const { http, sessions, unauthenticated } = this.#parts;
    const certificate = via.kind === 'tcp' ? this.#certificate : null;
    const server = createHttpServer(http, via, certificate);
    if (via.kind === 'tcp') {
      server.on('connection', (socket: Socket) => {
        unauthenticated.add(socket);
      });
    }
    if (certificate !== null && 'setSecureContext' in server) {
      new TlsErrors(this.#options.log).watch(server);
      certificate.onChange(({ context }) => {
        server.setSecureContext(context);
      });
    }
    sessions.serve(server, via);
    this.#servers.push(server);
    return server;
  }

  async #close(): Promise<void> {
    this.#forgetTokens?.();
    this.#forgetTokens = null;
    this.#addresses = { tcp: null, socket: null };
    this.#certificate?.stop();
    this.#parts.unauthenticated.clear();
    const listening = this.#servers.splice(0).map(closed);
    await Promise.all([...listening, this.#parts.sessions.stop('goingAway', 'the agent is stopping')]);
  }
}

/** Also waits for the sockets of upgraded connections, which end within the grace of their close frames. */
function closed(server: WebServer): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  server.close(() => {
    resolve(undefined);
  });
  server.closeAllConnections();
  return promise;
}

/** The socket file is open to its owner alone, so whoever comes through it is that user, or root. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'owner');
  }
}
