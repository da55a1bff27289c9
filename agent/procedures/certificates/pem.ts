/** PEM blocks (RFC 7468) of a text, whatever stands between them. */

export interface PemBlock {
  /** `CERTIFICATE`, `PRIVATE KEY`, … */
  readonly label: string;
  /** Body without line breaks; headers of the old encrypted form are left out. */
  readonly base64: string;
  /** The block as it stands in the text. */
  readonly text: string;
}

const begin = '-----BEGIN ';
const dashes = '-----';

/** In linear time, also for hostile text. A block that does not end is left out. */
export function* pemBlocks(text: string): Generator<PemBlock> {
  for (let at = text.indexOf(begin); at !== -1;) {
    const labelEnd = text.indexOf(dashes, at + begin.length);
    if (labelEnd === -1) return;
    const label = text.slice(at + begin.length, labelEnd);
    const next = text.indexOf(begin, labelEnd);
    // Searching within this block only keeps a text of a million unfinished blocks from taking for ever.
    const rest = text.slice(labelEnd + dashes.length, next === -1 ? text.length : next);
    const end = `${dashes}END ${label}${dashes}`;
    const bodyLength = rest.indexOf(end);
    if (bodyLength !== -1) {
      const body = rest.slice(0, bodyLength);
      const base64 = (body.includes(':') ? body.replace(/^.*:.*$/gm, '') : body).replace(/\s+/g, '');
      yield { label, base64, text: `${begin}${label}${dashes}${body}${end}` };
    }
    at = next;
  }
}
