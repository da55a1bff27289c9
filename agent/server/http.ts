/** The plain HTTP side: three documents to read, refusals for the rest. */
import { createServer, STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import {
  createServer as createTlsServer,
  type Server as TlsServer,
  type ServerOptions as TlsServerOptions,
} from 'node:https';
import type { Login } from './auth.ts';
import type { CertificateKeeper } from './certificateKeeper.ts';
import type { Limits } from './limits.ts';
import type { ServerLog } from './log.ts';
import { takeOneByOne } from './oneByOne.ts';
import { checkRequest } from './requestCheck.ts';
import type { Refusal, Transport } from './transport.ts';

export interface MetricsText {
  readonly contentType: string;
  readonly text: string;
}

export interface HttpServices {
  readonly authenticate: (request: IncomingMessage, via: Transport) => Login;
  /** Read at each scrape. */
  readonly metrics: () => MetricsText | Promise<MetricsText>;
  /** True = `/metrics` needs no token over TCP. */
  readonly openMetrics: boolean;
  readonly openRpc: () => string;
  /** What keeps the agent from working as it should, one sentence each; none = all is well. */
  readonly problems: () => readonly string[];
  readonly log: ServerLog;
  readonly limits: Limits;
}

interface Reply {
  /** 200 when absent. */
  readonly code?: number;
  readonly contentType: string;
  readonly body: string;
}

/** No page may frame, sniff, cache or embed what is served here. */
const safeHeaders = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
} as const;

const maxHeaderBytes = 16 * 1024;

export type WebServer = Server | TlsServer;

/** A server for one transport, not yet listening. With a certificate it speaks TLS and nothing else. */
export function createHttpServer(
  services: HttpServices,
  via: Transport,
  certificate: CertificateKeeper | null = null,
): WebServer {
  const { headersMs } = services.limits;
  const options = {
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: headersMs,
    requestTimeout: headersMs,
    keepAliveTimeout: 5000,
    connectionsCheckingInterval: Math.min(headersMs, 5000),
    // Checked by checkHost, which also answers HTTP/1.0.
    requireHostHeader: false,
  };
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    void respond(services, via, request, response);
  };
  const server =
    certificate === null
      ? createServer(options, onRequest)
      : createTlsServer({ ...options, ...tlsOptions(certificate, headersMs) }, onRequest);
  // Bounded by their size already; Node would silently drop those beyond a number, Origin perhaps among them.
  server.maxHeadersCount = 0;
  server.on(certificate === null ? 'connection' : 'secureConnection', takeOneByOne);
  return server;
}

function tlsOptions(certificate: CertificateKeeper, handshakeTimeout: number): TlsServerOptions {
  const { mutual, current } = certificate;
  return { ...current.context, handshakeTimeout, requestCert: mutual, rejectUnauthorized: mutual };
}

/** Refuses an upgrade on its raw socket. */
export function refusalText(refusal: Refusal): string {
  const headers = { ...refusalHeaders(refusal), Connection: 'close' };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? ''}\r\n${lines.join('\r\n')}\r\n\r\n${refusal.message}\n`;
}

async function respond(
  services: HttpServices,
  via: Transport,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const refusal = checkRequest(request, via) ?? checkMethod(request);
    const answer = refusal ?? (await answerTo(services, via, request));
    if ('status' in answer) {
      response.writeHead(answer.status, { ...refusalHeaders(answer), Connection: 'close' });
      response.end(`${answer.message}\n`);
    } else {
      response.writeHead(answer.code ?? 200, { ...safeHeaders, 'Content-Type': answer.contentType });
      response.end(answer.body);
    }
  } catch (error) {
    services.log.error({ err: error, path: request.url }, 'a request failed');
    if (!response.headersSent) response.writeHead(500, { ...safeHeaders, 'Content-Type': 'text/plain; charset=utf-8' });
    response.end("It failed inside the agent: see the agent's log.\n");
  }
}

async function answerTo(services: HttpServices, via: Transport, request: IncomingMessage): Promise<Reply | Refusal> {
  switch (request.url ?? '') {
    case '/healthz':
      return health(services.problems(), via);
    case '/openrpc.json':
      return { contentType: 'application/json', body: services.openRpc() };
    case '/metrics': {
      const login = services.openMetrics ? null : services.authenticate(request, via);
      if (login !== null && 'refusal' in login) return login.refusal;
      const { contentType, text } = await services.metrics();
      return { contentType, body: text };
    }
    case '/':
      return {
        status: 426,
        message: 'Connect with a WebSocket; see PROTOCOL.md.',
        headers: { Upgrade: 'websocket' },
      };
    default:
      return { status: 404, message: 'There is nothing here.' };
  }
}

function checkMethod(request: IncomingMessage): Refusal | null {
  if (request.method === 'GET' || request.method === 'HEAD') return null;
  return { status: 405, message: 'Only GET is served.', headers: { Allow: 'GET, HEAD' } };
}

function refusalHeaders(refusal: Refusal): Record<string, string> {
  return {
    ...safeHeaders,
    ...refusal.headers,
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': String(Buffer.byteLength(refusal.message) + 1),
  };
}

/** Whoever asks over TCP need not be known: that there is something wrong is for everyone, what it is is not. */
function health(problems: readonly string[], via: Transport): Reply {
  const contentType = 'application/json';
  if (problems.length === 0) return { contentType, body: '{"status":"ok"}' };
  const told = via.kind === 'unix' ? { problems } : {};
  return { code: 503, contentType, body: JSON.stringify({ status: 'degraded', ...told }) };
}
