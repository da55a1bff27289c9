/** PEM blocks (RFC 7468) of a text, whatever stands between them. */

export interface PemBlock {
  /** `CERTIFICATE`, `PRIVATE KEY`, … */
  readonly label: string;
  /** Body without line breaks; headers of the old encrypted form are left out. */
  readonly base64: string;
  /** The block as it stands in the text. */
  readonly text: string;
  /** Whether it is in the form without which OpenSSL, and so most services, do not read it: see inOwnLines. */
  readonly strict: boolean;
}

const begin = '-----BEGIN ';
const dashes = '-----';

/** In linear time, also for hostile text. A block that does not end, or is commented out, is left out. */
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
    if (bodyLength !== -1 && !isCommentedOut(text, at)) {
      const body = rest.slice(0, bodyLength);
      const base64 = (body.includes(':') ? body.replace(/^.*:.*$/gm, '') : body).replace(/\s+/g, '');
      const tail = rest.slice(bodyLength + end.length);
      const strict = beginsLine(text, at) && inOwnLines(body) && endsLine(tail, next === -1);
      yield { label, base64, text: `${begin}${label}${dashes}${body}${end}`, strict };
    }
    at = next;
  }
}

/** Whether the line of the BEGIN at `at` is a comment, as people keep an old certificate. OpenSSL passes over lines that do not begin so. */
export function isCommentedOut(text: string, at: number): boolean {
  // Far enough for people; without a limit a text of one line would take for ever.
  const before = text.slice(Math.max(0, at - 100), at);
  return /(^|\n)[ \t]*(#|;|\/\/)[^\n]*$/.test(before);
}

/** `text` is Latin-1, in which a byte order mark of UTF-8 has three characters; OpenSSL passes it over. */
function beginsLine(text: string, at: number): boolean {
  return at === 0 || text[at - 1] === '\n' || (at === 3 && text.startsWith('\u00ef\u00bb\u00bf'));
}

/** BEGIN and END have their lines to themselves, and no empty line is between: what is before one is taken for headers. */
function inOwnLines(body: string): boolean {
  return /^[ \t]*\r?\n/.test(body) && body.endsWith('\n') && !/\S[ \t]*\r?\n[ \t]*\r?\n/.test(body);
}

function endsLine(tail: string, last: boolean): boolean {
  return /^[ \t\r]*\n/.test(tail) || (last && /^[ \t\r]*$/.test(tail));
}
