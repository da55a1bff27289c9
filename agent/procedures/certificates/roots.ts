/** The authorities that are trusted here: Node's own, those of the system, and those that the configuration adds. */
import { X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { factsOf, readFacts } from './facts.ts';
import type { Pace } from './pace.ts';
import { pemBlocks } from './pem.ts';
import { readRegularFile } from './regularFile.ts';

export interface TrustedRoots {
  readonly has: (certificate: X509Certificate) => boolean;
  /** Those whose name is that of the issuer of `certificate`; whether one signed it remains to be checked. */
  readonly issuersOf: (certificate: X509Certificate) => readonly X509Certificate[];
  /** Each once, for a TLS context. */
  readonly pems: readonly string[];
}

/** Where systems keep the authorities of their administrators: Debian, RHEL, Alpine and macOS. */
const systemBundles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/cert.pem',
] as const;

/** `extra`: PEM text of the configured authorities. Takes some milliseconds of work, spread by `pace`. */
export async function loadTrustedRoots(
  extra: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  pace: Pace,
): Promise<TrustedRoots> {
  const texts = [...rootCertificates];
  for (const file of await systemFiles(env)) texts.push(file);
  if (extra !== undefined) texts.push(extra);
  const ders = new Set<string>();
  for (const text of texts) {
    for (const block of pemBlocks(text)) if (block.label.endsWith('CERTIFICATE')) ders.add(block.base64);
    await pace();
  }
  const roots: Root[] = [];
  for (const der of ders) {
    roots.push(createRoot(Buffer.from(der, 'base64')));
    await pace();
  }
  return trustedRoots(roots);
}

/** Parsed only when something names it as its issuer: of a hundred and fifty, a run needs two or three. */
interface Root {
  readonly der: Buffer;
  readonly subject: string;
  readonly certificate: () => X509Certificate | undefined;
}

function createRoot(der: Buffer): Root {
  let certificate: X509Certificate | null | undefined = null;
  return {
    der,
    subject: readFacts(der).subject,
    certificate: () => (certificate === null ? (certificate = parsed(der)) : certificate),
  };
}

function trustedRoots(roots: readonly Root[]): TrustedRoots {
  const bySubject = new Map<string, Root[]>();
  for (const root of roots) {
    const namesakes = bySubject.get(root.subject);
    if (namesakes === undefined) bySubject.set(root.subject, [root]);
    else namesakes.push(root);
  }
  return {
    has: (certificate) =>
      bySubject.get(factsOf(certificate).subject)?.some(({ der }) => der.equals(certificate.raw)) ?? false,
    issuersOf: (certificate) =>
      (bySubject.get(factsOf(certificate).issuer) ?? [])
        .map((root) => root.certificate())
        .filter((root) => root !== undefined),
    get pems() {
      return roots.map(({ der }) => pemOf(der));
    },
  };
}

async function systemFiles(env: Readonly<Record<string, string | undefined>>): Promise<string[]> {
  const own = [env['SSL_CERT_FILE'], env['NODE_EXTRA_CA_CERTS']].filter((file) => file !== undefined && file !== '');
  const texts: string[] = [];
  for (const file of own) texts.push(await textOf(file ?? ''));
  for (const file of systemBundles) {
    const text = await textOf(file);
    if (text === '') continue;
    texts.push(text);
    break;
  }
  return texts;
}

/** A system without such a file has no authorities of its own: nothing is amiss. */
async function textOf(file: string): Promise<string> {
  return readRegularFile(file).then(
    (read) => read.bytes.toString('latin1'),
    () => '',
  );
}

function parsed(der: Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(der);
  } catch {
    return undefined;
  }
}

function pemOf(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}
