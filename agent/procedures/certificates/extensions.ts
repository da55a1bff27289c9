/** The extensions of a certificate that decide what it may be used for (RFC 5280, 4.2), read from their bytes. */
import { derChildren, derObjectIdentifier, derTag, type DerValue, readDer } from './der.ts';

export interface CertificateExtensions {
  /** Null without basic constraints. */
  readonly basicConstraints: {
    readonly authority: boolean;
    /** How many authorities may follow below; null = any number. */
    readonly pathLength: number | null;
  } | null;
  /** First octet of the bits, see `keyUsage`; null = the key may be used for everything. */
  readonly keyUsage: number | null;
  /** Object identifiers of the extended key usage; null = for every purpose. */
  readonly purposes: readonly string[] | null;
  readonly nameConstraints: DerValue | null;
  /** Object identifier of a critical extension that is not processed here, so that the certificate must be refused. */
  readonly unknownCritical: string | null;
}

/** Bits of the key usage (RFC 5280, 4.2.1.3). */
export const keyUsage = { digitalSignature: 0x80, keyEncipherment: 0x20, keyAgreement: 0x08, certificateSign: 0x04 };

/** `list`: the parts of the SEQUENCE of extensions. Of what is malformed, nothing is said. */
export function readExtensions(list: readonly DerValue[]): CertificateExtensions {
  const found: { -readonly [Key in keyof CertificateExtensions]: CertificateExtensions[Key] } = { ...none };
  for (const extension of list) {
    const parts = derChildren(extension);
    const [oid, second] = parts;
    const octets = parts.at(-1);
    if (oid === undefined || octets?.tag !== derTag.octetString) continue;
    const critical = second?.tag === derTag.boolean && second.content[0] !== 0;
    const arc = standardArc(oid);
    if (arc === null) {
      if (!critical) continue;
      const name = derObjectIdentifier(oid) ?? '?';
      if (!processed.has(name)) found.unknownCritical ??= name;
      continue;
    }
    switch (arc) {
      case 15:
        found.keyUsage = readDer(octets.content)?.content[1] ?? 0;
        break;
      case 19:
        found.basicConstraints = basicConstraints(readDer(octets.content));
        break;
      case 30:
        found.nameConstraints = readDer(octets.content) ?? null;
        break;
      case 37:
        found.purposes = derChildren(readDer(octets.content)).map((purpose) => derObjectIdentifier(purpose) ?? '?');
        break;
      default:
        if (critical && !processedArcs.has(arc)) found.unknownCritical ??= `2.5.29.${arc}`;
    }
  }
  return found;
}

/** `list` as above. Its parts are the names. */
export function readAlternativeNames(list: readonly DerValue[]): DerValue | undefined {
  for (const extension of list) {
    const parts = derChildren(extension);
    const octets = parts.at(-1);
    if (parts[0] !== undefined && octets !== undefined && standardArc(parts[0]) === 17) return readDer(octets.content);
  }
  return undefined;
}

const none: CertificateExtensions = {
  basicConstraints: null,
  keyUsage: null,
  purposes: null,
  nameConstraints: null,
  unknownCritical: null,
};

/** Critical extensions of id-ce that OpenSSL accepts besides those that are read: keys' identifiers, names, policies, places of revocation lists. */
const processedArcs: ReadonlySet<number> = new Set([14, 17, 31, 32, 33, 35, 36, 54]);

/** The others that OpenSSL accepts: Netscape's type, addresses and systems (RFC 3779), proxies (RFC 3820). */
const processed: ReadonlySet<string> = new Set([
  '2.16.840.1.113730.1.1',
  '1.3.6.1.5.5.7.1.7',
  '1.3.6.1.5.5.7.1.8',
  '1.3.6.1.5.5.7.1.14',
]);

/** The last number of 2.5.29.N (id-ce), or null: nearly all extensions are of this arc, and text takes ten times as long. */
function standardArc({ tag, content }: DerValue): number | null {
  if (tag !== derTag.objectIdentifier || content.length !== 3 || content[0] !== 0x55 || content[1] !== 0x1d)
    return null;
  return content[2] ?? null;
}

function basicConstraints(value: DerValue | undefined): CertificateExtensions['basicConstraints'] {
  const parts = derChildren(value);
  const authority = parts[0]?.tag === derTag.boolean && parts[0].content[0] !== 0;
  const length = parts.find(({ tag }) => tag === derTag.integer)?.content;
  const pathLength =
    length === undefined || length.length > 4 || length.length === 0 ? null : length.readUIntBE(0, length.length);
  return { authority, pathLength };
}
