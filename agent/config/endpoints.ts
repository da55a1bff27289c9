/** How an endpoint whose certificates are looked at is written: `HOST[:PORT]`, or a protocol before it. */
import { isIPv6 } from 'node:net';
import * as z from 'zod';

interface Protocol {
  readonly port: number;
  /** Dialogue in the clear that TLS follows; null where TLS begins at once. */
  readonly starttls: string | null;
}

/** All protocols with their ports (IANA; LMTP has none, 24 is what its servers use). The dialogues themselves are in procedures/certificates/starttls.ts. */
const protocols = {
  tls: { port: 443, starttls: null },
  https: { port: 443, starttls: null },
  smtps: { port: 465, starttls: null },
  submissions: { port: 465, starttls: null },
  imaps: { port: 993, starttls: null },
  pop3s: { port: 995, starttls: null },
  nntps: { port: 563, starttls: null },
  ftps: { port: 990, starttls: null },
  ldaps: { port: 636, starttls: null },
  smtp: { port: 25, starttls: 'smtp' },
  submission: { port: 587, starttls: 'smtp' },
  lmtp: { port: 24, starttls: 'lmtp' },
  imap: { port: 143, starttls: 'imap' },
  pop3: { port: 110, starttls: 'pop3' },
  sieve: { port: 4190, starttls: 'sieve' },
  nntp: { port: 119, starttls: 'nntp' },
  ftp: { port: 21, starttls: 'ftp' },
  ldap: { port: 389, starttls: 'ldap' },
  'xmpp-client': { port: 5222, starttls: 'xmpp-client' },
  xmpp: { port: 5222, starttls: 'xmpp-client' },
  'xmpp-server': { port: 5269, starttls: 'xmpp-server' },
  postgres: { port: 5432, starttls: 'postgres' },
  postgresql: { port: 5432, starttls: 'postgres' },
  mysql: { port: 3306, starttls: 'mysql' },
  mariadb: { port: 3306, starttls: 'mysql' },
} as const satisfies Readonly<Record<string, Protocol>>;

/** A protocol that begins in the clear. */
export type StartTls = Exclude<(typeof protocols)[keyof typeof protocols]['starttls'], null>;

type Known = Protocol & { readonly starttls: StartTls | null };
const known: ReadonlyMap<string, Known> = new Map(Object.entries(protocols));

export const startTlsProtocols: readonly StartTls[] = [
  ...new Set([...known.values()].map(({ starttls }) => starttls).filter((starttls) => starttls !== null)),
];

/** `smtp://, … or mysql://`, for messages and descriptions. */
export const startTlsSchemes = startTlsProtocols
  .map((protocol) => `${protocol}://`)
  .join(', ')
  .replace(/, (?=[^,]*$)/, ' or ');

/** The protocol that usually begins in the clear at `port`. */
export function startTlsAt(port: number): StartTls | null {
  return [...known.values()].find((each) => each.starttls !== null && each.port === port)?.starttls ?? null;
}

export interface Endpoint {
  /** Name or address, without brackets. */
  readonly host: string;
  readonly port: number;
  readonly starttls: StartTls | null;
}

/** `HOST`, `HOST:PORT`, `[::1]:PORT` or one of these after `smtp://` and the like; null when it is none. */
export function parseEndpoint(text: string): Endpoint | null {
  const match =
    /^(?:([a-z][a-z0-9-]*):\/\/)?(\[[0-9A-Fa-f:.]+\]|[\p{L}\p{N}][\p{L}\p{N}_.-]*)(?::(\d{1,5}))?\/?$/u.exec(text);
  const protocol = known.get(match?.[1] ?? 'tls');
  if (match?.[2] === undefined || protocol === undefined) return null;
  const bracketed = match[2].startsWith('[');
  const host = bracketed ? match[2].slice(1, -1) : match[2];
  const port = match[3] === undefined ? protocol.port : Number(match[3]);
  if ((bracketed && !isIPv6(host)) || port < 1 || port > 65_535) return null;
  return { host, port, starttls: protocol.starttls };
}

/** How an endpoint is called in results: `host:port`, after `smtp://` and the like when it starts in the clear. */
export function endpointName(endpoint: Endpoint): string {
  const host = isIPv6(endpoint.host) ? `[${endpoint.host}]` : endpoint.host;
  return `${endpoint.starttls === null ? '' : `${endpoint.starttls}://`}${host}:${endpoint.port}`;
}

/** How an endpoint is written, for descriptions. */
export const endpointForm = `HOST[:PORT] for TLS; ${startTlsSchemes} HOST[:PORT] for STARTTLS`;

export const endpointText = z
  .string()
  .refine((text) => parseEndpoint(text) !== null, `HOST[:PORT], or ${startTlsSchemes} HOST[:PORT]`);
