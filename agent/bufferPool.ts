/**
 * Large buffers, used again. What is allocated for each piece of output lies outside V8's heap and is given back only when V8
 * collects its small handle: ten readers of a fast job would hold tens of megabytes of garbage.
 */
const size = 320 * 1024;
/** More are made when more are wanted at once; these are kept. */
const kept = 8;
const free: Buffer[] = [];

/** A buffer of this many bytes, not cleared. Give it back once nobody can reach it any more. */
export function takeBuffer(bytes: number): Buffer {
  if (bytes > size) return Buffer.allocUnsafeSlow(bytes);
  return (free.pop() ?? Buffer.allocUnsafeSlow(size)).subarray(0, bytes);
}

/** A buffer that is not given back is merely collected as any other; one that is must not be used again. */
export function giveBuffer(buffer: Buffer): void {
  if (buffer.buffer.byteLength === size && free.length < kept) free.push(Buffer.from(buffer.buffer));
}
