import type { Secrets } from '../secrets/secrets.ts';

/** Where a command writes and from where it takes its surroundings: main gives the process's, tests their own. */
export interface Io {
  readonly stdout: { write(text: string | Uint8Array): unknown };
  readonly stderr: { write(text: string | Uint8Array): unknown };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What no text of the command may show; whoever reads a configuration adds to it. */
  readonly secrets: Secrets;
  /** Set by commands that end with another code than 0 without an error (1 failed, 3 warnings with --strict). */
  exitCode: number;
}

/** Masked before it becomes JSON: a mask in the middle of an escape would spoil the document. */
export function writeJson(io: Pick<Io, 'stdout' | 'secrets'>, value: unknown): void {
  io.stdout.write(`${JSON.stringify(io.secrets.deep(value), null, 2)}\n`);
}

/** Text in columns, two spaces apart; the last column is as long as it likes. Control characters of other people's text are shown, not obeyed. */
export function writeTable(io: Pick<Io, 'stdout'>, rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => visible(row[column] ?? '').length)));
  for (const row of rows) {
    const cells = row.map((cell, column) => {
      const text = visible(cell);
      return column === row.length - 1 ? text : text.padEnd(widths[column] ?? 0);
    });
    io.stdout.write(`${cells.join('  ').trimEnd()}\n`);
  }
}

/** Control characters (but tab and line feed) as their Unicode pictures, so that no terminal obeys them. */
export function visible(text: string): string {
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : '\u2421';
  });
}

/** One line of a report. A line feed, as names of files may have it, begins no line that could be taken for another finding. */
export function reportLine(verdict: string, subject: string, message: string): string {
  return `${verdict} ${visible(subject).replaceAll('\n', '\u240a')}: ${indented(message)}`;
}

/** `visible`, with further lines set off from those that begin at the margin. */
export function indented(text: string): string {
  return visible(text).replaceAll('\n', '\n         ');
}
