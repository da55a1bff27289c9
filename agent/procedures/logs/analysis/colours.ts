/** Colours that programs write into their logs as if they were terminals: control sequences of ECMA-48, section 5.4. */

const escape = 27;
const sequence = /\u001B\[[0-?]*[ -/]*[@-~]/g;

export function withoutColours(text: string): string {
  return text.includes('\u001B') ? text.replaceAll(sequence, '') : text;
}

/** The same for whole lines; null when there are none. Line feeds are no part of a sequence, so every line stays one. */
export function linesWithoutColours(bytes: Buffer, start: number, end: number): Buffer | null {
  const block = bytes.subarray(start, end);
  return block.includes(escape) ? Buffer.from(withoutColours(block.toString('latin1')), 'latin1') : null;
}
