/** The shapes in which a secret turns up in output: as it is, escaped, encoded. Pure. */

/** Shorter values are not masked: they turn up by chance, and hiding them everywhere would tell more than it hides. In bytes. */
export const shortestSecret = 4;
/** A piece of base64 below this length turns up by chance. */
const shortestFragment = 8;
/** Lines of a secret of several lines that are worth hiding alone. */
const shortestLine = 8;

/** Every text that stands for `secret`, each once; none when it is too short. */
export function formsOf(secret: string): readonly string[] {
  if (Buffer.byteLength(secret) < shortestSecret) return [];
  const forms = new Set<string>();
  for (const value of [secret, ...linesOf(secret)]) {
    for (const form of [value, ...escaped(value), ...percentEncoded(value), ...base64(value)]) forms.add(form);
  }
  return [...forms].filter((form) => Buffer.byteLength(form) >= shortestSecret);
}

/** A key that is printed line by line; the lines that say only what it is (`-----BEGIN …`) are no secret. */
function linesOf(secret: string): readonly string[] {
  const lines = secret.split(/\r?\n/);
  if (lines.length === 1) return [];
  return lines.map((line) => line.trim()).filter((line) => line.length >= shortestLine && !line.startsWith('-----'));
}

/** In JSON, in JSON within JSON, and in the single quotes of a shell (`set -x`). */
function escaped(value: string): readonly string[] {
  const json = JSON.stringify(value).slice(1, -1);
  return [json, JSON.stringify(json).slice(1, -1), value.replaceAll("'", String.raw`'\''`)];
}

/** RFC 3986, and application/x-www-form-urlencoded; hexadecimal digits in either case. */
function percentEncoded(value: string): readonly string[] {
  let whole: string;
  try {
    whole = encodeURIComponent(value);
  } catch {
    // A lone surrogate has no percent-encoding.
    return [];
  }
  const strict = whole.replaceAll(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
  const all = [whole, strict, encodeURI(value), whole.replaceAll('%20', '+')];
  return all.flatMap((form) => [form, form.replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase())]);
}

/** Base64 and base64url (RFC 4648) of the value alone, and of any text that holds it: three ways to lie in groups of three bytes. */
function base64(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  const alone = bytes.toString('base64');
  const inside = [0, 1, 2].flatMap((before) => {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    // Six bits a character: those that hold nothing but bits of the value.
    const from = Math.ceil((before * 8) / 6);
    const to = Math.floor(((before + bytes.length) * 8) / 6);
    return to - from >= shortestFragment ? [encoded.slice(from, to)] : [];
  });
  const forms = [alone, ...inside].flatMap((form) => [form, form.replace(/=+$/, '')]);
  return forms
    .flatMap((form) => [form, form.replaceAll('+', '-').replaceAll('/', '_')])
    .filter((form) => form.length >= shortestFragment);
}
