/** From bytes of any kind to blocks of whole lines, in constant memory. */
import { newline } from './bytes.ts';

/** Puts up to `length` bytes at `offset` and says how many; 0 = the end. */
export type Read = (buffer: Buffer, offset: number, length: number) => Promise<number>;

/** Takes the lines between `start` and `end`; each ends with a line feed. The bytes are the sink's until it returns. */
export type LineSink = (buffer: Buffer, start: number, end: number) => void;

const blockBytes = 1 << 20;
/** What is looked at of a line that is longer than a block. */
export const shownOfLongLine = 64 * 1024;

/** Resolves with the number of lines that were longer than a block: of those the sink gets the beginning. */
export async function feedLines(read: Read, sink: LineSink, signal: AbortSignal): Promise<number> {
  const buffer = Buffer.allocUnsafeSlow(blockBytes + 1);
  let kept = 0;
  let long = 0;
  let skipping = false;
  for (;;) {
    signal.throwIfAborted();
    const count = await read(buffer, kept, blockBytes - kept);
    if (count === 0) break;
    const end = kept + count;
    let start = 0;
    if (skipping) {
      const stop = buffer.subarray(0, end).indexOf(newline);
      if (stop < 0) continue;
      start = stop + 1;
      skipping = false;
    }
    const last = Math.max(start, buffer.lastIndexOf(newline, end - 1) + 1);
    if (last > start) sink(buffer, start, last);
    buffer.copyWithin(0, last, end);
    kept = end - last;
    if (kept < blockBytes) continue;
    buffer[shownOfLongLine] = newline;
    sink(buffer, 0, shownOfLongLine + 1);
    long += 1;
    skipping = true;
    kept = 0;
  }
  if (kept > 0) {
    buffer[kept] = newline;
    sink(buffer, 0, kept + 1);
  }
  return long;
}
