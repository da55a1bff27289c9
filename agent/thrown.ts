/** What was thrown, whatever it is: its words, its code, and itself as an error. */

/** The message of an error, without its name and stack; the text of anything else. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** `ENOENT` (errno(3)), `ERR_…` (Node) or what else its maker gave as a text; '' where there is none. */
export function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : '';
}

/** In a few letters what went wrong, for a sentence that says where: the code, or the message where there is none. */
export function causeOf(thrown: unknown): string {
  return codeOf(thrown) || messageOf(thrown);
}

export function errorOf(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
