/** Replaces the values in a message by what they are: `<num>`, `<hex>`, `<ip>`, `<uuid>`, `<path>`, `<time>`. One pass over its words. */

const longestMessage = 600;
const longestWord = 120;

export function maskMessage(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, Math.min(end, start + longestMessage));
  const masked: string[] = [];
  for (const word of text.split(/\s/)) if (word !== '') masked.push(maskWord(word.slice(0, longestWord)));
  return masked.join(' ');
}

const digit = /[0-9]/;
const whole: readonly (readonly [RegExp, string])[] = [
  [/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i, '<uuid>'],
  [/^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?::\d{1,5})?$/, '<ip>'],
  [/^(?=.*:.*:)[0-9a-f:]{3,39}(?:%\w+)?$/i, '<ip>'],
  [/^0x[0-9a-f]+$/i, '<hex>'],
  [/^\d{4}[-/]\d\d[-/]\d\d(?:T\d.*)?$/, '<time>'],
  [/^\d\d:\d\d:\d\d(?:[.,]\d+)?$/, '<time>'],
  [/^[+-]?\d+(?:[.,]\d+)*$/, '<num>'],
  [/^(?=.*\d)[0-9a-f]{8,}$/i, '<hex>'],
];

function maskWord(word: string): string {
  const hasDigit = digit.test(word);
  if (!hasDigit && !word.includes('/')) return word;
  let [from, to] = [0, word.length];
  while (from < to && opening.includes(word.charAt(from))) from += 1;
  while (to > from && closing.includes(word.charAt(to - 1))) to -= 1;
  const core = word.slice(from, to);
  const equals = core.indexOf('=');
  const name = equals > 0 && /^[\w.-]+$/.test(core.slice(0, equals)) ? core.slice(0, equals + 1) : '';
  return word.slice(0, from) + name + maskCore(core.slice(name.length), hasDigit) + word.slice(to);
}

const opening = '([{<"\'`';
const closing = ')]}>"\'`,;:.!?';

function maskCore(core: string, hasDigit: boolean): string {
  const unquoted = /^["'](.*)$/.exec(core);
  if (unquoted?.[1] !== undefined) return core.charAt(0) + maskCore(unquoted[1], hasDigit);
  if (core.startsWith('/') && core.length > 1) return '<path>';
  if (!hasDigit) return core;
  for (const [pattern, mask] of whole) if (pattern.test(core)) return mask;
  return core.replaceAll(/\d+(?:\.\d+)?/g, '<num>');
}
