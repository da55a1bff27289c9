/** Replaces the values in a message by what they are: `<num>`, `<hex>`, `<ip>`, `<uuid>`, `<path>`, `<time>`, `<id>`, `<text>`. One pass over its words. */

const longestMessage = 600;
const longestWord = 120;

export function maskMessage(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, Math.min(end, start + longestMessage));
  const masked: string[] = [];
  for (const word of withoutPhrases(text).split(/\s/))
    if (word !== '') masked.push(maskWord(word.slice(0, longestWord)));
  return masked.join(' ');
}

/** Text in quotes that holds blanks is one value, but for the line of a request. */
const phrase = /(?<![\w"])"([^"\\\n]{0,200})"(?!\w)/g;

function withoutPhrases(text: string): string {
  if (!text.includes('"')) return text;
  return text.replaceAll(phrase, (whole, said: string) =>
    said.includes(' ') && !/^[A-Z]{3,10} \S+ HTTP\//.test(said) ? '"<text>"' : whole,
  );
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
  const [, server, path] = /^([a-z][a-z0-9+.-]{1,15}:\/\/[^/]{1,100})(\/.+)$/i.exec(core) ?? [];
  if (server !== undefined && path !== undefined) return `${maskCore(server, digit.test(server))}<path>`;
  if (!hasDigit) return core;
  for (const [pattern, mask] of whole) if (pattern.test(core)) return mask;
  if (core.length >= 16 && /^[\w+=-]+$/.test(core) && core.replaceAll(/\D/g, '').length * 6 >= core.length)
    return '<id>';
  let rest = core;
  for (const [pattern, mask] of within) rest = rest.replaceAll(pattern, mask);
  return rest;
}

/** In the middle of a word: `10.0.0.1(5432)`, `job-1b4e28ba-2fa1-…`. */
const within: readonly (readonly [RegExp, string])[] = [
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, '<uuid>'],
  [/\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?::\d{1,5})?\b/g, '<ip>'],
  [/\b0x[0-9a-f]+\b/gi, '<hex>'],
  [/\b(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)[0-9a-f]{8,120}\b/gi, '<hex>'],
  [/\d+(?:\.\d+)?/g, '<num>'],
];
