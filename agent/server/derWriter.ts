/** Just enough DER (X.690) to write a certificate. */

export type Der = Buffer;

/** One value: identifier octet, definite length, content. */
export function der(tag: number, ...content: readonly Uint8Array[]): Der {
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.from([tag]), lengthOf(body.length), body]);
}

export function sequence(...parts: readonly Der[]): Der {
  return der(0x30, ...parts);
}

/** `bytes`: unsigned, most significant first. */
export function integer(bytes: Uint8Array): Der {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const short = bytes.subarray(start);
  const sign = (short[0] ?? 0) >= 0x80 ? [Buffer.from([0])] : [];
  return der(0x02, ...sign, short);
}

/** Dotted form, such as 2.5.29.17. */
export function objectIdentifier(dotted: string): Der {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return der(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

export function utf8String(text: string): Der {
  return der(0x0c, Buffer.from(text, 'utf8'));
}

export function octetString(bytes: Uint8Array): Der {
  return der(0x04, bytes);
}

/** Of whole octets. */
export function bitString(bytes: Uint8Array): Der {
  return der(0x03, Buffer.from([0]), bytes);
}

export const yes: Der = der(0x01, Buffer.from([0xff]));

/** UTCTime up to 2049, GeneralizedTime from then on (RFC 5280 §4.1.2.5); seconds are the finest. */
export function time(date: Date): Der {
  const digits = date
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(/[-:T]/g, '');
  return date.getUTCFullYear() < 2050 ? der(0x17, Buffer.from(digits.slice(2))) : der(0x18, Buffer.from(digits));
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return Buffer.from([0x80 + octets.length, ...octets]);
}

function base128(value: number): number[] {
  const octets = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) octets.unshift(0x80 + (rest % 128));
  return octets;
}
