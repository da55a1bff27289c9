/**
 * Looks at the certificates that an endpoint serves, also at those that are not to be trusted. The platform's own check stays
 * switched on: it cuts every connection that it does not trust, and nothing but the handshake is ever sent. The certificates
 * are read at the end of the handshake, just before that check.
 */
import type { X509Certificate } from 'node:crypto';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type SecureContext } from 'node:tls';
import { domainToASCII } from 'node:url';
import { type Endpoint, endpointName, type StartTls } from '../../config/endpoints.ts';
import { Conversation, saying, StartTlsError, Wordless } from './conversation.ts';
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
  // Ends whatever is still open, also when all is said.
  const over = new AbortController();
  const stop = (): void => {
    over.abort(options.signal.reason);
  };
  const timeUp = new Error('time-out');
  const timer = setTimeout(() => {
    over.abort(timeUp);
  }, options.timeout);
  options.signal.addEventListener('abort', stop, { once: true });
  const waiting = { step: 'accept a connection', heard: '', advice: null };
  const attempt: Attempt = { endpoint, options, over: over.signal, waiting };
  try {
    return await attemptLook(attempt);
  } catch (error) {
    options.signal.throwIfAborted();
    if (over.signal.reason === timeUp && !(error instanceof StartTlsError)) {
      const { step, heard, advice } = attempt.waiting;
      const message = `it did not ${step} within ${options.timeout} ms`;
      return { kind: 'nothing', message: saying(message, heard, ', but for'), advice };
    }
    return { kind: 'nothing', ...lookProblem(error, endpoint) };
  } finally {
    clearTimeout(timer);
    options.signal.removeEventListener('abort', stop);
    over.abort();
  }
}

interface Attempt {
  readonly endpoint: Endpoint;
  readonly options: LookOptions;
  /** Aborted when the time is up. */
  readonly over: AbortSignal;
  /** What for, what came of it so far, and what to do when nothing more comes (null = see to it that it answers). */
  waiting: { readonly step: string; readonly heard: string; readonly advice: string | null };
}

async function attemptLook(attempt: Attempt): Promise<Look> {
  const { endpoint, options, over } = attempt;
  const socket = await connected(endpoint, over);
  if (endpoint.starttls !== null) await dialogue(attempt, endpoint.starttls, socket);
  attempt.waiting = { step: 'complete the TLS handshake', heard: '', advice: null };
  return handshake(socket, options);
}

/**
 * A server that waits for TLS never greets: when half of the time has passed without a byte, or it goes without a word, one
 * connection more shows whether it speaks TLS at once.
 */
async function dialogue(attempt: Attempt, protocol: StartTls, socket: Socket): Promise<void> {
  const talk = new Conversation(socket, attempt.options.name);
  const without = `write ${endpointName({ ...attempt.endpoint, starttls: null })} without ${protocol}://`;
  const atOnce = new StartTlsError('it speaks TLS at once', without);
  const doubt = setTimeout(() => {
    if (!talk.silent) return;
    void speaksTls(attempt).then((speaks) => speaks && talk.silent && socket.destroy(atOnce));
  }, attempt.options.timeout / 2);
  try {
    await startTls(talk, protocol);
  } catch (error) {
    if (error instanceof Wordless && (await speaksTls(attempt))) throw atOnce;
    throw error;
  } finally {
    clearTimeout(doubt);
    // A server of one connection at a time can not show it.
    const advice = talk.silent ? `see to it that it answers, or ${without} if it speaks TLS at once` : null;
    attempt.waiting = { step: `answer in the ${protocol} dialogue`, heard: talk.unread, advice };
  }
}

async function speaksTls({ endpoint, options, over }: Attempt): Promise<boolean> {
  try {
    const seen = await handshake(await connected(endpoint, over), options);
    return seen.kind === 'served';
  } catch {
    return false;
  }
}

/** Destroyed when `over` is aborted, and by whoever gets it. */
async function connected(endpoint: Endpoint, over: AbortSignal): Promise<Socket> {
  over.throwIfAborted();
  const socket = connectTcp({ host: domainToASCII(endpoint.host) || endpoint.host, port: endpoint.port });
  over.addEventListener(
    'abort',
    () => {
      socket.destroy(over.reason instanceof Error ? over.reason : new Error('stopped'));
    },
    { once: true },
  );
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject).once('connect', () => {
      socket.off('error', reject);
      // Between two steps nobody else listens, and an error without a listener would end the process.
      socket.on('error', () => undefined);
      resolve();
    });
  });
  return socket;
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
