/** `certificates`: where certificates are looked for, and from when they count as expiring. */
import { isIPv6 } from 'node:net';
import * as z from 'zod';
import { duration } from './units.ts';

/** Protocols of an endpoint with their ports; `starttls` begin in the clear. */
const protocols = {
  tls: { port: 443, starttls: null },
  https: { port: 443, starttls: null },
  smtps: { port: 465, starttls: null },
  imaps: { port: 993, starttls: null },
  ldaps: { port: 636, starttls: null },
  smtp: { port: 25, starttls: 'smtp' },
  imap: { port: 143, starttls: 'imap' },
  postgres: { port: 5432, starttls: 'postgres' },
  postgresql: { port: 5432, starttls: 'postgres' },
  ldap: { port: 389, starttls: 'ldap' },
} as const;
const known: ReadonlyMap<string, { port: number; starttls: StartTls | null }> = new Map(Object.entries(protocols));

export type StartTls = 'smtp' | 'imap' | 'postgres' | 'ldap';

export interface Endpoint {
  /** Name or address, without brackets. */
  readonly host: string;
  readonly port: number;
  readonly starttls: StartTls | null;
}

/** `HOST`, `HOST:PORT`, `[::1]:PORT` or one of these after `smtp://` and the like; null when it is none. */
export function parseEndpoint(text: string): Endpoint | null {
  const match = /^(?:([a-z]+):\/\/)?(\[[0-9A-Fa-f:.]+\]|[\p{L}\p{N}][\p{L}\p{N}_.-]*)(?::(\d{1,5}))?\/?$/u.exec(text);
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

export const endpointText = z
  .string()
  .refine(
    (text) => parseEndpoint(text) !== null,
    'HOST[:PORT], or smtp://, imap://, postgres:// or ldap:// HOST[:PORT]',
  );

export const backupSettings = z.strictObject({
  paths: z
    .array(z.string().min(1))
    .min(1)
    .default(['/etc/letsencrypt'])
    .describe('Folders and files that backup-certificates keeps, with links, rights and owners'),
  destination: z
    .string()
    .min(1)
    .default('/var/backups/upkeep/certificates')
    .describe('Folder of the archives, private to their owner'),
  encrypt: z
    .strictObject({
      passphrase: z.string().min(12).describe('As ${VARIABLE}; without it nobody can open the archives'),
    })
    .optional()
    .describe('Encrypt the archives (AES-256-GCM, scrypt)'),
  keep: z.int().min(1).max(10_000).default(30).describe('Archives that are kept; the oldest go first'),
});
export type BackupSettings = z.infer<typeof backupSettings>;

export const certificateSettings = z.strictObject({
  paths: z.array(z.string().min(1)).default([]).describe('Files, folders or globs: PEM (also bundles), DER, PKCS#12'),
  endpoints: z
    .array(endpointText)
    .default([])
    .describe('HOST[:PORT] for TLS; smtp://, imap://, postgres:// or ldap:// HOST[:PORT] for STARTTLS'),
  ca: z.string().optional().describe('PEM file of further certificate authorities that are trusted'),
  timeout: duration.default(5_000).describe('Longest time for one endpoint, and for one file'),
  password: z.string().optional().describe('Password of PKCS#12 files and encrypted keys, best as ${VARIABLE}'),
  backup: backupSettings.prefault({}),
});
