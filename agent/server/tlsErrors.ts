/** Handshakes that fail: whoever looks into the log must find the reason, and nobody must be able to fill the log with them. */
import type { Server } from 'node:https';
import type { TLSSocket } from 'node:tls';
import type { ServerLog } from './log.ts';
import { plainAddress } from './requestCheck.ts';

/** One line for each reason in so many milliseconds; the others are counted. */
const quietMs = 10_000;
const mostReasons = 20;

export class TlsErrors {
  readonly #log: ServerLog;
  readonly #reasons = new Map<string, { loggedAt: number; unsaid: number }>();

  constructor(log: ServerLog) {
    this.#log = log;
  }

  watch(server: Server): void {
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
      this.#note(error.code ?? 'unknown', plainAddress(socket.remoteAddress ?? ''));
      socket.destroy();
    });
  }

  #note(reason: string, address: string): void {
    // A peer that only looked whether somebody listens.
    if (reason === 'ECONNRESET') return;
    const now = performance.now();
    const known = this.#reasons.get(reason);
    if (known !== undefined && now - known.loggedAt < quietMs) {
      known.unsaid += 1;
      return;
    }
    if (known === undefined && this.#reasons.size >= mostReasons) return;
    this.#log.warn({ reason, address, unsaid: known?.unsaid ?? 0 }, explained.get(reason) ?? 'a TLS handshake failed');
    this.#reasons.set(reason, { loggedAt: now, unsaid: 0 });
  }
}

/** OpenSSL's reasons, as Node names them. */
const explained: ReadonlyMap<string, string> = new Map([
  ['ERR_SSL_HTTP_REQUEST', 'a client spoke plain HTTP to the TLS port: it must use wss:// or https://'],
  ['ERR_SSL_UNSUPPORTED_PROTOCOL', 'a client that speaks no TLS 1.2 or newer was refused'],
  [
    'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE',
    'a client without the certificate that server.tls.client_ca asks for was refused',
  ],
  ['ERR_TLS_HANDSHAKE_TIMEOUT', 'a client did not finish its TLS handshake in time'],
]);
