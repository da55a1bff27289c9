/** Answers that many sessions get, such as a piece of output that ten people follow: checked once, and made JSON once. */
import { giveBuffer, takeBuffer } from '../bufferPool.ts';

const encodings = new WeakMap<object, Buffer>();

/** `result` has been checked and does not change any more: whoever sends it takes these bytes of JSON. */
export function encodeAnswer(result: object): void {
  const text = JSON.stringify(result);
  const bytes = takeBuffer(Buffer.byteLength(text));
  bytes.write(text);
  encodings.set(result, bytes);
}

/** To be copied at once: the bytes are used again after `forgetEncoding`. */
export function encodingOf(result: unknown): Buffer | undefined {
  return typeof result === 'object' && result !== null ? encodings.get(result) : undefined;
}

/** An answer on its way is then made JSON as any other. */
export function forgetEncoding(result: object): void {
  const bytes = encodings.get(result);
  if (bytes === undefined) return;
  encodings.delete(result);
  giveBuffer(bytes);
}
