/**
 * Looks at the certificates that an endpoint serves, also at those that are not to be trusted. The platform's own check stays
 * switched on: it cuts every connection that it does not trust, and nothing but the handshake is ever sent. The certificates
 * are read at the end of the handshake, just before that check.
 */
import type { X509Certificate } from 'node:crypto';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type SecureContext } from 'node:tls';
import { domainToASCII } from 'node:url';
import type { Endpoint } from '../../config/certificates.ts';
import { lookProblem } from './lookProblem.ts';
import { startTls } from './starttls.ts';

export type Look =
  | {
      readonly kind: 'served';
      /** In the order in which they were sent. */
      readonly certificates: readonly [X509Certificate, ...X509Certificate[]];
      /** OpenSSL's name of what is wrong with the chain (`CERT_HAS_EXPIRED`); null when the platform trusts it. */
      readonly distrust: string | null;
    }
  /** `message` goes on after `Nothing could be seen at ENDPOINT: `, and `advice` after it; null = see to it that it answers. */
  | { readonly kind: 'nothing'; readonly message: string; readonly advice: string | null };

export interface LookOptions {
  /** Name for SNI. */
  readonly name: string;
  readonly secureContext: SecureContext;
  /** Milliseconds for everything: address, connection, dialogue and handshake. */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

export async function look(endpoint: Endpoint, options: LookOptions): Promise<Look> {
  options.signal.throwIfAborted();
  const socket = connectTcp({ host: domainToASCII(endpoint.host) || endpoint.host, port: endpoint.port });
  let step = 'accept a connection';
  const deadline = new AbortController();
  const stop = (): void =>
    void socket.destroy(options.signal.reason instanceof Error ? options.signal.reason : undefined);
  const timer = setTimeout(() => {
    deadline.abort();
    socket.destroy(new Error('time-out'));
  }, options.timeout);
  options.signal.addEventListener('abort', stop, { once: true });
  try {
    await connected(socket);
    if (endpoint.starttls !== null) {
      step = `answer in the ${endpoint.starttls} dialogue`;
      await startTls(socket, endpoint.starttls);
    }
    step = 'complete the TLS handshake';
    return await handshake(socket, options);
  } catch (error) {
    options.signal.throwIfAborted();
    if (deadline.signal.aborted) {
      return { kind: 'nothing', message: `it did not ${step} within ${options.timeout} ms`, advice: null };
    }
    return { kind: 'nothing', ...lookProblem(error) };
  } finally {
    clearTimeout(timer);
    options.signal.removeEventListener('abort', stop);
    socket.destroy();
  }
}

async function connected(socket: Socket): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject).once('connect', () => {
      socket.off('error', reject);
      // Between two steps nobody else listens, and an error without a listener would end the process.
      socket.on('error', () => undefined);
      resolve();
    });
  });
}

async function handshake(socket: Socket, options: LookOptions): Promise<Look> {
  return new Promise((resolve, reject) => {
    let certificates: X509Certificate[] = [];
    const served = (distrust: string | null): Look | null => {
      const [first, ...rest] = certificates;
      return first === undefined ? null : { kind: 'served', certificates: [first, ...rest], distrust };
    };
    const tls = connectTls({
      socket,
      secureContext: options.secureContext,
      ...(isIP(options.name) === 0 ? { servername: domainToASCII(options.name) || options.name } : {}),
      // The name is judged by the analysis, which also knows what to say about it; no data follows.
      checkServerIdentity: () => undefined,
    });
    tls.prependListener('secure', () => {
      certificates = servedChain(tls.getPeerX509Certificate());
    });
    tls.once('secureConnect', () => {
      const result = served(null);
      tls.destroy();
      if (result === null) reject(new Error('no certificate'));
      else resolve(result);
    });
    tls.on('error', (error: Error & { code?: string }) => {
      const seen = certificates.length > 0;
      // Until TLS 1.2 a server asks for a client certificate, and breaks off for want of it, only after it has shown its own.
      if (!seen) certificates = servedChain(tls.getPeerX509Certificate());
      const result = served(seen ? (error.code ?? error.message) : null);
      if (result === null) reject(error);
      else resolve(result);
    });
    tls.once('close', () => {
      reject(Object.assign(new Error('closed'), { code: 'ECONNRESET' }));
    });
  });
}

const longestChain = 20;

/** What the peer sent, in its order: each one's `issuerCertificate` is the next of the message, whoever issued it. */
function servedChain(first: X509Certificate | undefined): X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (let next = first; next !== undefined && chain.length < longestChain; next = next.issuerCertificate) {
    chain.push(next);
  }
  return chain;
}
