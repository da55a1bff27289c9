/** Ways to reach an agent, one per scheme of its address. */
import { WebSocket } from 'ws';
import { maxMessageBytes } from '../../agent/protocol/methods.ts';

export type Address =
  | { readonly scheme: 'ws' | 'wss'; readonly url: string }
  /** `path`: absolute path of a Unix domain socket that speaks WebSocket. */
  | { readonly scheme: 'unix'; readonly url: string; readonly path: string };

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
  return { scheme: url.protocol === 'ws:' ? 'ws' : 'wss', url: url.href };
}

/** Opens a socket; the caller listens to its events. Redirects are not followed, so a token reaches the named host alone. */
export function dial(address: Address, token: string | null): WebSocket {
  const options = {
    followRedirects: false,
    handshakeTimeout: handshakeTimeoutMs,
    maxPayload: maxMessageBytes,
    perMessageDeflate: false,
  };
  if (address.scheme === 'unix') return new WebSocket(`ws+unix:${address.path}:/`, options);
  const headers = token === null ? {} : { Authorization: `Bearer ${token}` };
  return new WebSocket(address.url, { ...options, headers });
}

function parseUnix(text: string): Address {
  const path = text.slice('unix:'.length).replace(/^\/\/(?=\/)/, '');
  if (!path.startsWith('/') || path.includes(':') || path.includes('?'))
    throw new Error(`"${text}" is not a socket: write unix: and an absolute path without ":" and "?"`);
  return { scheme: 'unix', url: `unix:${path}`, path };
}
