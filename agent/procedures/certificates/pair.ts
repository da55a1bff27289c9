/** A certificate with its chain and its key, read once, verified, and in the form in which services take it. */
import type { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import type { CertificateSettings } from '../../config/certificates.ts';
import { type Analysis, analyse, fingerprintOf, unusable, type Yardstick } from './analyse.ts';
import { isSelfSigned } from './chain.ts';
import { type Contents, parseContents, type Reading, UnparsableError } from './contents.ts';
import { fileProblem } from './fileProblem.ts';
import type { KeyState } from './keyState.ts';
import { pemBlocks } from './pem.ts';
import { readRegularFile } from './regularFile.ts';
import type { Role } from './versions.ts';

export interface PairFiles {
  readonly cert: string;
  readonly key: string;
  readonly chain?: string | undefined;
}

export interface Pair {
  readonly fingerprint: string;
  readonly notAfter: Date;
  readonly texts: Readonly<Record<Role, string>>;
}

export interface PairRead {
  readonly analysis: Analysis;
  /** Null when something is wrong with which no service should be started; the problems of `analysis` tell what. */
  readonly pair: Pair | null;
}

/** Where certbot keeps the pair of a domain, unless the entry names other files. */
export function pairFiles(
  entry: { readonly domain: string } & { readonly [Key in keyof PairFiles]?: string | undefined },
  { certbot }: Pick<CertificateSettings, 'certbot'>,
): PairFiles {
  const live = join(certbot.config_dir, 'live', lineageOf(entry.domain));
  return {
    cert: entry.cert ?? join(live, 'fullchain.pem'),
    key: entry.key ?? join(live, 'privkey.pem'),
    chain: entry.chain,
  };
}

/** certbot names a wildcard certificate by what stands behind the star. */
export function lineageOf(domain: string): string {
  return domain.replace(/^\*\./, '').toLowerCase();
}

/** Whether both are for one certificate. */
export function sameDomain(one: string, other: string): boolean {
  return lineageOf(one) === lineageOf(other) && one.startsWith('*') === other.startsWith('*');
}

/** A host that the domain covers. */
export function hostOf(domain: string): string {
  return domain.replace(/^\*/, 'upkeep').toLowerCase();
}

const unfitStatuses: ReadonlySet<string> = new Set(['expired', 'not_yet_valid', 'unreadable', 'unparsable']);
const unfitReasons: ReadonlySet<string> = new Set([
  'key_mismatch',
  'host_mismatch',
  'chain_incomplete',
  'wrong_order',
  'missing',
]);

export async function readPair(
  files: PairFiles,
  domain: string,
  reading: Reading,
  yardstick: Yardstick,
): Promise<PairRead> {
  let file = files.cert;
  try {
    const certificates = [...(await contentsOf(file, reading)).certificates];
    if (files.chain !== undefined) {
      certificates.push(...(await contentsOf((file = files.chain), reading)).certificates);
    }
    const key = await keyOf((file = files.key), reading);
    const [leaf, ...chain] = certificates;
    file = files.cert;
    if (leaf === undefined) throw new UnparsableError('it holds no certificate');
    const material = {
      source: files.cert,
      kind: 'file',
      certificates: [leaf, ...chain],
      orderMatters: true,
      beside: [],
      key: key.state,
      host: hostOf(domain),
    } as const;
    const analysis = analyse(material, yardstick);
    const { status, reasons } = analysis.certificate;
    if (unfitStatuses.has(status) || reasons.some((reason) => unfitReasons.has(reason)))
      return { analysis, pair: null };
    return { analysis, pair: pairOf(leaf, chain, key.text) };
  } catch (error) {
    reading.signal.throwIfAborted();
    const { status, problem } = fileProblem(file, error);
    return { analysis: unusable(file, status, problem), pair: null };
  }
}

function pairOf(leaf: X509Certificate, chain: readonly X509Certificate[], key: string): Pair {
  // Clients have the root, or do not trust it: to send it is a waste (RFC 8446, 4.4.2).
  const above = chain
    .filter((certificate) => !isSelfSigned(certificate))
    .map(String)
    .join('');
  const cert = `${leaf.toString()}${above}`;
  return {
    fingerprint: fingerprintOf(leaf),
    notAfter: leaf.validToDate,
    texts: { cert, key, chain: above, combined: `${cert}${key}` },
  };
}

async function contentsOf(file: string, reading: Reading): Promise<Contents> {
  const { bytes } = await readRegularFile(file);
  return parseContents(bytes, reading);
}

async function keyOf(file: string, reading: Reading): Promise<{ readonly state: KeyState; readonly text: string }> {
  const { bytes, mode } = await readRegularFile(file);
  const { key } = await parseContents(bytes, reading);
  if (key === null) throw new UnparsableError('it holds no private key');
  if (key.kind === 'encrypted' || (key.protected && bytes.includes('-----BEGIN '))) {
    throw new UnparsableError('its private key is encrypted, which a service can not open at its start');
  }
  const block = [...pemBlocks(bytes.toString('latin1'))].find(({ label }) => label.endsWith('PRIVATE KEY'));
  const text = block === undefined ? key.key.export({ type: 'pkcs8', format: 'pem' }).toString() : `${block.text}\n`;
  return { state: { kind: 'plain', key: key.key, file, worldReadable: (mode & 0o004) !== 0, belongs: true }, text };
}
