/** Who is at the other end: the holder of a token over TCP, the agent's own user over the Unix socket. */
import type { IncomingMessage } from 'node:http';
import type { Role } from '../protocol/nouns.ts';
import type { ServerLog } from './log.ts';
import type { LoginThrottle } from './loginThrottle.ts';
import { plainAddress } from './requestCheck.ts';
import type { Refusal, Transport } from './transport.ts';

export interface TokenHolder {
  readonly name: string;
  readonly role: Role;
}

/** Compares hashes in constant time; null when the token is unknown, expired or revoked. */
export interface TokenVerifier {
  verify(token: string): TokenHolder | null;
  /** Called when tokens were revoked or changed: sessions then verify theirs again. */
  onRevoked(listener: () => void): () => void;
}

export interface Identity {
  readonly actor: string;
  readonly role: Role;
  /** False once the token is revoked or expired, or was given another name or role. */
  readonly stillGood: () => boolean;
}

export type Login = { readonly identity: Identity } | { readonly refusal: Refusal };

export interface AuthenticatorOptions {
  readonly tokens: TokenVerifier;
  readonly throttle: LoginThrottle;
  readonly log: ServerLog;
}

/** Longest header value that is hashed at all. */
const maxTokenLength = 512;

export function createAuthenticator(
  options: AuthenticatorOptions,
): (request: IncomingMessage, via: Transport) => Login {
  const { tokens, throttle, log } = options;
  return (request, via) => {
    if (via.kind === 'unix') return { identity: { actor: via.actor, role: 'admin', stillGood: () => true } };
    const address = plainAddress(request.socket.remoteAddress ?? '');
    const wait = throttle.waitOf(address);
    if (wait > 0) return { refusal: tooManyFailures(wait) };
    const token = bearerOf(request);
    if (token === null) return { refusal: unauthorized('A token is needed: send "Authorization: Bearer TOKEN".') };
    const holder = tokens.verify(token);
    if (holder === null) {
      const slowed = throttle.failed(address);
      log.warn({ address, slowed }, 'a connection with a wrong, expired or revoked token was refused');
      return {
        refusal: unauthorized('The token is unknown, expired or revoked: create one with "upkeep token create".'),
      };
    }
    throttle.succeeded(address);
    return { identity: identityOf(tokens, token, holder) };
  };
}

function identityOf(tokens: TokenVerifier, token: string, holder: TokenHolder): Identity {
  return {
    actor: holder.name,
    role: holder.role,
    stillGood: () => {
      const now = tokens.verify(token);
      return now !== null && now.name === holder.name && now.role === holder.role;
    },
  };
}

/** RFC 6750 §2.1; null when there is none. An empty or oversized one counts as a wrong one. */
function bearerOf(request: IncomingMessage): string | null {
  const header = request.headers.authorization;
  if (header === undefined) return null;
  const token = /^Bearer +(\S+) *$/i.exec(header)?.[1] ?? '';
  return token.length <= maxTokenLength ? token : '';
}

function unauthorized(message: string): Refusal {
  return { status: 401, message, headers: { 'WWW-Authenticate': 'Bearer realm="upkeep"' } };
}

function tooManyFailures(waitMs: number): Refusal {
  return {
    status: 429,
    message: 'Too many wrong tokens from this address: wait, then try with the right one.',
    headers: { 'Retry-After': String(Math.ceil(waitMs / 1000)) },
  };
}
