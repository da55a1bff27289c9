/** A copy of JSON-like data with every text in it changed; keys too when `keys` is given. Anything but texts, lists and plain objects stays. */
export function mapTexts(
  value: unknown,
  change: (text: string) => string,
  keys = (key: string): string => key,
): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, change, keys));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [keys(key), mapTexts(item, change, keys)]));
}
