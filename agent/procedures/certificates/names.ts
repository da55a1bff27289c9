/** Names in certificates as people and browsers read them. */
import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';

/** DNS names and IP addresses of the subject alternative name. A common name is none of them, as for browsers (RFC 9525, 2). */
export function alternativeNames(certificate: X509Certificate): string[] {
  const names: string[] = [];
  // Node writes a value that holds a comma or quote as a JSON string, so that no name can pass for two.
  for (const match of (certificate.subjectAltName ?? '').matchAll(
    /(?:^|, )(DNS|IP Address):("(?:[^"\\]|\\.)*"|[^,]*)/g,
  )) {
    names.push(plain(unquoted(match[2] ?? '')));
  }
  return names;
}

/** Distinguished name on one line, most specific part first: `CN=R3, O=Let's Encrypt, C=US`. */
export function distinguishedName(text: string | undefined): string {
  return plain((text ?? '').split('\n').reverse().join(', '));
}

/** Who issued it, as the seed prints it: the organisation, else the common name. */
export function issuerName(distinguished: string): string {
  return part(distinguished, 'O') ?? part(distinguished, 'CN') ?? (distinguished === '' ? 'unknown' : distinguished);
}

/** The name that stands for the certificate: its first alternative name, else its common name. */
export function domainName(names: readonly string[], distinguished: string): string {
  return names[0] ?? part(distinguished, 'CN') ?? (distinguished === '' ? 'unknown' : distinguished);
}

/** Whether `certificate` is for `host`, a DNS name or an IP address, by its alternative names alone; a wildcard is a whole label (RFC 9525, 6.3). */
export function coversHost(certificate: X509Certificate, host: string): boolean {
  if (isIP(host) !== 0) return certificate.checkIP(host) !== undefined;
  const ascii = domainToASCII(host);
  return ascii !== '' && certificate.checkHost(ascii, { subject: 'never', partialWildcards: false }) !== undefined;
}

/** Whether the alternative names `held` say so of `name`, which may be a wildcard itself. */
export function coversName(held: readonly string[], name: string): boolean {
  const wanted = name.toLowerCase();
  const known = new Set(held.map((one) => one.toLowerCase()));
  return known.has(wanted) || known.has(wanted.replace(/^[^.*]+/, '*'));
}

/** Text of strangers without control and direction characters, so that a terminal shows nothing but text. */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '?');
}

/** Made once: to compile one takes longer than to use it. */
const parts = { O: partPattern('O'), CN: partPattern('CN') } as const;

function partPattern(key: string): RegExp {
  return new RegExp(`(?:^|, )${key}=((?:[^,\\\\]|\\\\.|,(?! [A-Za-z]+=))+)`);
}

function part(distinguished: string, key: keyof typeof parts): string | undefined {
  return parts[key].exec(distinguished)?.[1]?.replace(/\\(.)/g, '$1');
}

function unquoted(value: string): string {
  if (!value.startsWith('"')) return value;
  try {
    return String(JSON.parse(value));
  } catch {
    return value;
  }
}
