/** Output of programs as text of an editor: bytes put together again, terminal controls taken out. */
import { StringDecoder } from 'node:string_decoder';

/** CSI and OSC sequences, string controls and two-character escapes (ECMA-48 §5.4, §5.6); they colour, move or retitle. */
const escapes =
  /\u001B(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001B]*(?:\u0007|\u001B\\)|[PX^_][^\u001B]*\u001B\\|[ -/]*[0-~])|\u009B[0-?]*[ -/]*[@-~]/g;
/** The beginning of a sequence whose end has not come yet. */
const unfinished = /\u001B(?:\[[0-?]*[ -/]*|\][^\u0007\u001B]*\u001B?|[PX^_][^\u001B]*\u001B?|[ -/]*)?$/;
/** Other control characters, except tab and line breaks; bidirectional controls (CVE-2021-42574). */
const controls = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u0084\u0086-\u009F\u202A-\u202E\u2066-\u2069]/g;
/** A sequence that goes on longer than this is no sequence. */
const longestSequence = 4096;

export class OutputText {
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  /** The text that is certain so far; what may go on is kept for the next piece. */
  add(piece: { readonly encoding: 'utf8' | 'base64'; readonly text: string }): string {
    const text = this.#rest + this.#decoder.write(Buffer.from(piece.text, piece.encoding));
    const tail = unfinished.exec(text);
    const cut = tail !== null && text.length - tail.index <= longestSequence ? tail.index : text.length;
    // A carriage return may be the first half of a line break.
    const end = cut === text.length && text.endsWith('\r') ? cut - 1 : cut;
    this.#rest = text.slice(end);
    return visible(text.slice(0, end));
  }

  /** What is left when nothing more comes. */
  end(): string {
    const text = this.#rest + this.#decoder.end();
    this.#rest = '';
    return visible(text);
  }
}

function visible(text: string): string {
  return text
    .replace(escapes, '')
    .replace(/\r\n?/g, '\n')
    .replace(controls, (character) => {
      const code = character.charCodeAt(0);
      if (code < 0x20) return String.fromCharCode(0x2400 + code);
      return code === 0x7f ? '\u2421' : `⟨U+${code.toString(16).toUpperCase().padStart(4, '0')}⟩`;
    });
}
