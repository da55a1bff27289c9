/** Text from logs, made fit to show: hostile bytes stay bytes. */

const hidden = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** On one line, without characters that hide or reorder text, cut. */
export function shown(text: string, limit = 160): string {
  const line = text.replaceAll(hidden, '\ufffd');
  return line.length <= limit ? line : `${line.slice(0, limit - 1)}…`;
}

/** The same as code in a cell of a Markdown table (GitHub Flavored Markdown, "Tables"). */
export function cell(text: string): string {
  if (text === '') return '–';
  return `\`${shown(text, 200).replaceAll('`', 'ˋ').replaceAll('|', '\\|')}\``;
}

export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): readonly string[] {
  return [
    `| ${head.join(' | ')} |`,
    `|${head.map(() => '---').join('|')}|`,
    ...rows.map((row) => `| ${row.map((value) => (typeof value === 'number' ? number(value) : value)).join(' | ')} |`),
  ];
}

/** 1234567.8 → `1,234,568`; small ones with three digits that count. */
export function number(value: number): string {
  if (Math.abs(value) >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}

/** Seconds as people read them. */
export function took(seconds: number): string {
  if (seconds === 0) return '0';
  if (seconds >= 1) return `${number(seconds)} s`;
  return seconds >= 0.001 ? `${number(seconds * 1000)} ms` : `${number(seconds * 1e6)} µs`;
}
