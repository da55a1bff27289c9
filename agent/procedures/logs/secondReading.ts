/**
 * An original, read once more beside what its archive holds of it. That costs a tenth of a second checksum, and shows also what went
 * wrong between the first reading and the first checksum.
 */
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { isWhole, leastReadAgain, openSource, SourceProblem } from './archiveContent.ts';
import type { Content, Source } from './archiveContent.ts';
import type { ArchivedFile } from './manifest.ts';
import { inodeKey } from './writers.ts';

const roomBytes = 1 << 20;

/** Null when the checksum has to do: of a small file, and of one that is no longer there under its name. */
export async function readAgain(
  file: Pick<ArchivedFile, 'path' | 'bytes'>,
  content: Pick<Content, 'begun' | 'turn'>,
): Promise<SecondReading | null> {
  const begun = content.begun.get(file.path);
  if (begun === undefined || file.bytes < leastReadAgain) return null;
  // Whoever renamed or removed it is told about when originals are to be removed.
  const handle = await content.turn(() => openSource(begun.source)).catch(() => null);
  if (handle === null) return null;
  if (inodeKey(await handle.stat({ bigint: true })) === begun.source.key)
    return new SecondReading(handle, begun.source, begun.stats);
  await handle.close();
  return null;
}

export class SecondReading implements AsyncDisposable {
  readonly #handle: FileHandle;
  readonly #source: Source;
  readonly #before: BigIntStats;
  readonly #room = Buffer.allocUnsafeSlow(roomBytes);
  #position = 0;

  /** `before`: how the source was when its first reading began. Closes the handle in the end. */
  constructor(handle: FileHandle, source: Source, before: BigIntStats) {
    this.#handle = handle;
    this.#source = source;
    this.#before = before;
  }

  /** Does the source go on with these bytes? Throws SourceProblem when it does not, but has changed since its first reading. */
  async goesOnWith(bytes: Buffer): Promise<boolean> {
    for (let done = 0; done < bytes.length;) {
      const wanted = Math.min(roomBytes, bytes.length - done);
      const { bytesRead } = await this.#handle.read(this.#room, 0, wanted, this.#position);
      const expected = bytes.subarray(done, done + bytesRead);
      if (bytesRead === 0 || !expected.equals(this.#room.subarray(0, bytesRead))) return await this.#differs();
      done += bytesRead;
      this.#position += bytesRead;
    }
    return true;
  }

  async #differs(): Promise<false> {
    if (isWhole(this.#before, await this.#handle.stat({ bigint: true }))) return false;
    throw new SourceProblem(this.#source, 'it changed while it was archived');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}
