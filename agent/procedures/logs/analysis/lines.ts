/** From bytes of any kind to blocks of whole lines, in constant memory. */
import { newline } from './bytes.ts';

/** Puts up to `length` bytes at `offset` and says how many; 0 = the end. */
export type Read = (buffer: Buffer, offset: number, length: number) => Promise<number>;

/** Takes the lines between `start` and `end`; each ends with a line feed. The bytes are the sink's until it returns. */
export type LineSink = (buffer: Buffer, start: number, end: number) => void;

const blockBytes = 1 << 20;
/** What is looked at of a line that is longer than a block. */
const shownOfLongLine = 64 * 1024;

/**
 * Resolves with the number of lines that were longer than a block: of those the sink gets the beginning. The next block is read while
 * the sink works: it stands behind a room for the beginning of its first line, which the block before ends with.
 */
export async function feedLines(read: Read, sink: LineSink, signal: AbortSignal): Promise<number> {
  let [block, next] = [Buffer.allocUnsafeSlow(2 * blockBytes + 1), Buffer.allocUnsafeSlow(2 * blockBytes + 1)];
  /** Bytes of an open line, at the end of the room. */
  let kept = 0;
  let long = 0;
  let skipping = false;
  let reading = read(block, blockBytes, blockBytes);
  for (;;) {
    const count = await reading;
    signal.throwIfAborted();
    if (count === 0) break;
    const end = blockBytes + count;
    reading = read(next, blockBytes, blockBytes);
    // Awaited in the next round; should the sink throw, nobody else would hear of it.
    reading.catch(() => undefined);
    let start = blockBytes - kept;
    if (skipping) {
      const stop = block.subarray(0, end).indexOf(newline, start);
      start = stop < 0 ? end : stop + 1;
      skipping = stop < 0;
    }
    const last = Math.max(start, block.lastIndexOf(newline, end - 1) + 1);
    if (last > start) sink(block, start, last);
    kept = end - last;
    if (kept >= blockBytes) {
      block[last + shownOfLongLine] = newline;
      sink(block, last, last + shownOfLongLine + 1);
      long += 1;
      skipping = true;
      kept = 0;
    }
    block.copy(next, blockBytes - kept, end - kept, end);
    [block, next] = [next, block];
  }
  if (kept > 0) {
    block[blockBytes] = newline;
    sink(block, blockBytes - kept, blockBytes + 1);
  }
  return long;
}
