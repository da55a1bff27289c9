/** Ways to reach an agent, one per scheme of its address. */
import type { TLSSocket } from 'node:tls';
import { WebSocket } from 'ws';
import { maxAnswerBytes } from '../../agent/protocol/methods.ts';

export interface WssAddress {
  readonly scheme: 'wss';
  readonly url: string;
}
export type PlainAddress =
  | { readonly scheme: 'ws'; readonly url: string }
  /** `path`: absolute path of a Unix domain socket that speaks WebSocket. */
  | { readonly scheme: 'unix'; readonly url: string; readonly path: string };
export type Address = PlainAddress | WssAddress;

const handshakeTimeoutMs = 10_000;

/**
 * Reads `ws://HOST:PORT`, `wss://HOST:PORT` or `unix:/PATH`; throws an Error that says what is wrong.
 * Credentials in an address are refused: they would end up in settings and logs.
 */
export function parseAddress(text: string): Address {
  if (text.startsWith('unix:')) return parseUnix(text);
  if (!URL.canParse(text)) throw new Error(`"${text}" is not an address: write ws://, wss:// or unix:`);
  const url = new URL(text);
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:')
    throw new Error(`"${url.protocol}" is not a scheme that Upkeep knows: use ws://, wss:// or unix:`);
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    throw new Error('an address holds no user, password or token: store the token with "Upkeep: Set Token…"');
  return url.protocol === 'ws:' ? { scheme: 'ws', url: url.href } : { scheme: 'wss', url: url.href };
}

const options = {
  followRedirects: false,
  handshakeTimeout: handshakeTimeoutMs,
  maxPayload: maxAnswerBytes,
  perMessageDeflate: false,
} as const;

/** Opens a socket without TLS; the caller listens to its events. Redirects are not followed, so a token reaches the named host alone. */
export function dial(address: PlainAddress, token: string | null): WebSocket {
  if (address.scheme === 'unix') return new WebSocket(`ws+unix:${address.path}:/`, options);
  return new WebSocket(address.url, { ...options, headers: headersOf(token) });
}

/** The same over a TLS connection whose certificate was accepted. */
export function dialOver(socket: TLSSocket, { url }: WssAddress, token: string | null): WebSocket {
  // VS Code puts its proxy agent under every HTTP request but those to a socket path: the token would go over another connection
  // than the one that was looked at. The path itself is never opened.
  const headers = { ...headersOf(token), Host: new URL(url).host };
  return new WebSocket('ws+unix:/accepted:/', { ...options, headers, createConnection: () => socket });
}

function headersOf(token: string | null): Record<string, string> {
  return token === null ? {} : { Authorization: `Bearer ${token}` };
}

function parseUnix(text: string): Address {
  const path = text.slice('unix:'.length).replace(/^\/\/(?=\/)/, '');
  if (!path.startsWith('/') || path.includes(':') || path.includes('?'))
    throw new Error(`"${text}" is not a socket: write unix: and an absolute path without ":" and "?"`);
  return { scheme: 'unix', url: `unix:${path}`, path };
}
