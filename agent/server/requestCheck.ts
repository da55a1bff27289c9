/**
 * What every HTTP request and every upgrade must pass before its credentials are looked at. Browsers are kept out
 * (cross-site WebSocket hijacking, DNS rebinding, RFC 6454, RFC 9110 §7.4): no client of ours is a web page.
 */
import type { IncomingMessage } from 'node:http';
import { isLoopback } from './listenAddress.ts';
import type { Refusal, Transport } from './transport.ts';

export function checkRequest(request: IncomingMessage, transport: Transport): Refusal | null {
  return checkTarget(request.url ?? '') ?? checkOrigin(request) ?? checkHost(request, transport) ?? checkBody(request);
}

function checkTarget(url: string): Refusal | null {
  if (!url.startsWith('/') || url.startsWith('//')) {
    return { status: 400, message: 'The request target must be a path.' };
  }
  if (url.includes('?') || url.includes('#')) {
    return {
      status: 400,
      message: 'No query is accepted: send a token in the header "Authorization: Bearer TOKEN", never in a URL.',
    };
  }
  return null;
}

function checkOrigin(request: IncomingMessage): Refusal | null {
  const site = request.headers['sec-fetch-site'];
  const fromPage = request.headers.origin !== undefined || (site !== undefined && site !== 'none');
  return fromPage ? { status: 403, message: 'Requests of web pages are refused.' } : null;
}

function checkHost(request: IncomingMessage, transport: Transport): Refusal | null {
  const given = valuesOf(request, 'host');
  const host = given[0];
  if (given.length !== 1 || host === undefined || host === '') {
    return { status: 400, message: 'Exactly one Host header is needed.' };
  }
  const name = /^(\[[0-9a-f:.]+\]|[^:[\]]+)(?::\d{1,5})?$/i.exec(host)?.[1]?.toLowerCase();
  if (name !== undefined && namesOf(request, transport).includes(name)) return null;
  return { status: 421, message: 'This agent is not known by the name in the Host header.' };
}

/** Names by which this very connection may have been dialled. */
function namesOf(request: IncomingMessage, transport: Transport): readonly string[] {
  if (transport.kind === 'unix') return ['localhost'];
  const address = plainAddress(request.socket.localAddress ?? '');
  const literal = address.includes(':') ? `[${address}]` : address;
  const local = isLoopback(address) ? ['localhost'] : [];
  return [literal, ...local, ...transport.hostNames().map((name) => name.toLowerCase())];
}

function checkBody(request: IncomingMessage): Refusal | null {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
  if (encoding === undefined && (length === undefined || length === '0')) return null;
  return { status: 415, message: 'Requests have no body here.' };
}

/** `::ffff:127.0.0.1` (an IPv4 peer of an IPv6 socket) as plain IPv4. */
export function plainAddress(address: string): string {
  return address.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '');
}

/** All values of a header, also those that Node folds away. */
function valuesOf(request: IncomingMessage, header: string): readonly string[] {
  const raw = request.rawHeaders;
  return raw.flatMap((value, index) =>
    index % 2 === 1 && raw[index - 1]?.toLowerCase() === header ? [value.trim()] : [],
  );
}
