/** Just enough DER (X.690) to read what node:crypto does not tell of a certificate. Whatever is malformed reads as undefined. */

export interface DerValue {
  /** Identifier octet: class, constructed bit and number (all below 31 here). */
  readonly tag: number;
  readonly content: Buffer;
}

export const derTag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  enumerated: 0x0a,
  sequence: 0x30,
} as const;

/** The first value of `bytes`. */
export function readDer(bytes: Buffer): DerValue | undefined {
  return readAt(bytes, 0)?.value;
}

/** Bytes of the first value of `bytes` with its header; undefined when it is not all there. */
export function derLength(bytes: Buffer): number | undefined {
  return readAt(bytes, 0)?.end;
}

/** The values within a constructed value, as far as they are well-formed. */
export function derChildren(value: DerValue | undefined): DerValue[] {
  const children: DerValue[] = [];
  if (value === undefined) return children;
  for (let at = 0; at < value.content.length;) {
    const next = readAt(value.content, at);
    if (next === undefined) break;
    children.push(next.value);
    at = next.end;
  }
  return children;
}

/** Dotted form of an object identifier; undefined when `value` is none. */
export function derObjectIdentifier(value: DerValue | undefined): string | undefined {
  if (value?.tag !== derTag.objectIdentifier || value.content.length === 0) return undefined;
  const parts: number[] = [];
  let part = 0;
  for (const octet of value.content) {
    part = part * 128 + (octet & 0x7f);
    if ((octet & 0x80) !== 0) continue;
    if (parts.length === 0) {
      const first = Math.min(Math.floor(part / 40), 2);
      parts.push(first, part - first * 40);
    } else {
      parts.push(part);
    }
    part = 0;
  }
  return parts.join('.');
}

function readAt(bytes: Buffer, at: number): { value: DerValue; end: number } | undefined {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined) return undefined;
  let start = at + 2;
  let length = first;
  if (first >= 0x80) {
    const octets = first - 0x80;
    if (octets === 0 || octets > 4 || start + octets > bytes.length) return undefined;
    length = bytes.readUIntBE(start, octets);
    start += octets;
  }
  const end = start + length;
  return end > bytes.length ? undefined : { value: { tag, content: bytes.subarray(start, end) }, end };
}
