/** Logs in UTF-16, as Windows, PowerShell and SQL Server write them: read as UTF-8. */

export type Utf16 = 'utf-16le' | 'utf-16be';

/** By its byte order mark (RFC 2781, section 3.2), or, without one, by eight characters of ASCII; null = it is something else. */
export function utf16Of(beginning: Uint8Array): Utf16 | null {
  const [first, second] = beginning;
  if (first === 0xff && second === 0xfe) return 'utf-16le';
  if (first === 0xfe && second === 0xff) return 'utf-16be';
  if (beginning.length < 16) return null;
  const zeros = Array.from(beginning.subarray(0, 16), (byte) => (byte === 0 ? '0' : '1')).join('');
  if (zeros === '10'.repeat(8)) return 'utf-16le';
  return zeros === '01'.repeat(8) ? 'utf-16be' : null;
}

/** Without the byte order mark. */
export async function* asUtf8(chunks: AsyncIterable<Buffer>, encoding: Utf16): AsyncGenerator<Buffer> {
  const decoder = new TextDecoder(encoding);
  for await (const chunk of chunks) yield Buffer.from(decoder.decode(chunk, { stream: true }));
  yield Buffer.from(decoder.decode());
}
