/** For which names an authority may issue: RFC 5280, 4.2.1.10, read as OpenSSL reads it. */
import type { X509Certificate } from 'node:crypto';
import { derChildren, derObjectIdentifier, type DerValue } from './der.ts';
import { namesOf } from './facts.ts';
import { plain } from './names.ts';

/** Tags of the forms of a GeneralName; the others are compared by nobody. */
const form = { email: 0x81, dns: 0x82, directory: 0xa4, uri: 0x86, address: 0x87 } as const;
const permittedTag = 0xa0;
const excludedTag = 0xa1;
const emailAddress = '1.2.840.113549.1.9.1';

/** The first name of a certificate that `constraints` do not allow, as text; null when all are allowed. */
export function forbiddenName(constraints: DerValue, certificate: X509Certificate): string | null {
  const permitted = basesOf(constraints, permittedTag);
  const excluded = basesOf(constraints, excludedTag);
  for (const name of generalNames(certificate)) {
    const within = ({ tag }: DerValue): boolean => tag === name.tag;
    const allowed = permitted.filter(within);
    const refused = excluded.filter(within);
    if (allowed.length + refused.length === 0) continue;
    const matches = (base: DerValue): boolean => covers(base, name);
    const unknown = !(name.tag in texts);
    if (unknown || refused.some(matches) || (allowed.length > 0 && !allowed.some(matches))) return textOf(name);
  }
  return null;
}

/** The names that they allow alone, as text; empty when they only exclude. */
export function permittedNames(constraints: DerValue): string[] {
  return basesOf(constraints, permittedTag).map(textOf);
}

function basesOf(constraints: DerValue, tag: number): readonly DerValue[] {
  const subtrees = derChildren(constraints).find((child) => child.tag === tag);
  return derChildren(subtrees)
    .flatMap((subtree) => derChildren(subtree)[0] ?? [])
    .map(generalName);
}

/** Alternative names, the subject, and the e-mail addresses in it. */
function generalNames(certificate: X509Certificate): readonly DerValue[] {
  const { subject: subjectName, alternatives } = namesOf(certificate);
  const attributes = derChildren(subjectName).flatMap((part) => derChildren(part).map(derChildren));
  const emails = attributes.flatMap(([type, value]) =>
    value !== undefined && derObjectIdentifier(type) === emailAddress ? [{ ...value, tag: form.email }] : [],
  );
  const subject = attributes.length === 0 || subjectName === undefined ? [] : [{ ...subjectName, tag: form.directory }];
  return [...derChildren(alternatives).map(generalName), ...subject, ...emails];
}

/** A distinguished name has a SEQUENCE around it, which goes. */
function generalName(name: DerValue): DerValue {
  return name.tag === form.directory ? { ...name, content: derChildren(name)[0]?.content ?? name.content } : name;
}

function covers(base: DerValue, name: DerValue): boolean {
  switch (base.tag) {
    case form.dns:
      return hostCovers(textOf(base), textOf(name), 'also itself');
    case form.email:
      return emailCovers(textOf(base), textOf(name));
    case form.uri:
      return hostCovers(textOf(base), hostOfUri(textOf(name)), 'exactly');
    case form.address:
      return addressCovers(base.content, name.content);
    case form.directory: {
      const [above, below] = [partsOf(base), partsOf(name)];
      return above.every((part, index) => part === below[index]);
    }
    default:
      return false;
  }
}

/** `.example.test` covers what lies below it; `example.test` itself, and below it unless `exactly`. */
function hostCovers(base: string, host: string, how: 'also itself' | 'exactly'): boolean {
  const [wanted, given] = [base.toLowerCase(), host.toLowerCase()];
  if (wanted === '' && how === 'also itself') return true;
  if (given === wanted) return true;
  if (wanted.startsWith('.')) return given.endsWith(wanted);
  return how === 'also itself' && given.endsWith(`.${wanted}`);
}

function emailCovers(base: string, address: string): boolean {
  const at = address.lastIndexOf('@');
  const baseAt = base.lastIndexOf('@');
  const host = address.slice(at + 1);
  if (baseAt === -1) return hostCovers(base, host, 'exactly');
  // The mailbox is compared to the letter, its host is not.
  return base.slice(0, baseAt) === address.slice(0, at) && hostCovers(base.slice(baseAt + 1), host, 'exactly');
}

function hostOfUri(uri: string): string {
  return /^[a-z][a-z0-9+.-]*:\/\/(?:[^/?#@]*@)?([^/?#:]+)/i.exec(uri)?.[1] ?? '';
}

/** `base`: address and mask, one behind the other. */
function addressCovers(base: Buffer, address: Buffer): boolean {
  const { length } = address;
  if (base.length !== length * 2) return false;
  return address.every((octet, index) => {
    const mask = base[length + index] ?? 0;
    return (octet & mask) === ((base[index] ?? 0) & mask);
  });
}

/** Each relative distinguished name in one form, whatever its case, blanks and encoding (RFC 5280, 7.1). */
function partsOf(directory: DerValue): string[] {
  return derChildren(directory).map((part) =>
    derChildren(part)
      .map((attribute) => {
        const [type, value] = derChildren(attribute);
        const text = value === undefined ? '' : stringOf(value).trim().replace(/\s+/g, ' ').toLowerCase();
        return `${derObjectIdentifier(type) ?? '?'}=${text}`;
      })
      .sort()
      .join('+'),
  );
}

/** UTF8String and BMPString; the others hold an octet for a letter. */
function stringOf({ tag, content }: DerValue): string {
  if (tag === 0x0c) return content.toString('utf8');
  if (tag === 0x1e)
    return Buffer.from(content.subarray(0, content.length & ~1))
      .swap16()
      .toString('utf16le');
  return content.toString('latin1');
}

const texts: Readonly<Record<number, (name: DerValue) => string>> = {
  [form.email]: ({ content }) => content.toString('latin1'),
  [form.dns]: ({ content }) => content.toString('latin1'),
  [form.uri]: ({ content }) => content.toString('latin1'),
  [form.address]: ({ content }) => addressText(content),
  [form.directory]: (name) =>
    derChildren(name)
      .flatMap((part) => derChildren(part).map((attribute) => derChildren(attribute)[1]))
      .map((value) => (value === undefined ? '' : stringOf(value)))
      .join(', '),
};

function textOf(name: DerValue): string {
  return plain(texts[name.tag]?.(name) ?? 'a name of another form');
}

/** An address, or in constraints an address and its mask. */
function addressText(content: Buffer): string {
  const { length } = content;
  if (length === 8 || length === 32) {
    return `${addressText(content.subarray(0, length / 2))}/${addressText(content.subarray(length / 2))}`;
  }
  if (length !== 16) return content.join('.');
  return Array.from({ length: 8 }, (_, index) => content.readUInt16BE(index * 2).toString(16)).join(':');
}
