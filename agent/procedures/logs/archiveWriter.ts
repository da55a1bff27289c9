/**
 * Makes one archive and shows that it holds what it should. Nothing is removed here. Four lanes work at once: one reads the sources and
 * fills blocks, which threads pack; one writes them in their order; one has each stretch of them put on the disk; one reads that back,
 * unpacks it and compares it with the checksums that were made of the sources while they were read.
 */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { openSafely } from './archive.ts';
import { Content } from './archiveContent.ts';
import type { Source } from './archiveContent.ts';
import { compareContent } from './archiveVerify.ts';
import type { UserAndGroup } from './asUser.ts';
import { Channel, together } from './channel.ts';
import { blockBytes, mostPacked, release, unpackBlock } from './compression.ts';
import type { Compression } from './compression.ts';
import type { Manifest } from './manifest.ts';
import { isOutOfSpace, NoRoom } from './ownFiles.ts';
import { PackThreads } from './packThreads.ts';
import type { PackedBlock } from './packThreads.ts';
import { readAgain } from './secondReading.ts';

export interface ArchiveFileSettings {
  readonly compression: Compression;
  readonly mode: number;
  readonly owner: UserAndGroup | null;
}

export interface WrittenArchive {
  readonly about: Pick<Manifest, 'files' | 'bytes' | 'sha256' | 'compression'>;
  /** By path, for `isUnchanged`. */
  readonly marks: ReadonlyMap<string, string>;
}

/** What was written is not what is read: the disk, the memory or a program is at fault. */
export class NotAsWritten extends Error {
  override readonly name = 'NotAsWritten';
}

/** Written bytes that are put on the disk at once, before they are read back. */
const stretchBytes = 2 << 20;

/**
 * Writes `sources` into the new file `temporary`, which is on the disk, read back from its file and compared to the last byte when this
 * resolves. Its first byte is written with the final mode and owner. Rejects with SourceProblem, NoRoom, NotAsWritten or the system's
 * error; the half file is then removed.
 */
export async function writeArchive(
  temporary: string,
  sources: readonly Source[],
  settings: ArchiveFileSettings,
  progress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<WrittenArchive> {
  const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants;
  const stop = new AbortController();
  const stopped = AbortSignal.any([signal, stop.signal]);
  const content = new Content(temporary, progress, stopped);
  const target = await open(temporary, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, settings.mode & 0o600);
  try {
    if (settings.owner !== null) await target.chown(settings.owner.uid, settings.owner.gid);
    await target.chmod(settings.mode);
    await using written = await openSafely(temporary);
    await using threads = new PackThreads(settings.compression, stopped);
    const lanes = new Lanes(target, written, settings.compression, threads, stopped);
    await together([lanes.read(content, sources), lanes.write(), lanes.sync(), lanes.verify(content)], stop);
    const { bytes, sha256 } = lanes.result();
    const { files, marks } = content;
    return { about: { files, bytes, sha256, compression: settings.compression }, marks };
  } catch (error) {
    await content.turn(() => rm(temporary, { force: true }));
    throw isOutOfSpace(error) ? new NoRoom(temporary, undefined, { cause: error }) : error;
  } finally {
    await target.close();
  }
}

interface FullBlock {
  readonly bytes: number;
  readonly packing: Promise<PackedBlock>;
}

/** A packed block in the file. */
interface Piece {
  readonly position: number;
  readonly length: number;
  /** Unpacked. */
  readonly bytes: number;
}

class Lanes {
  readonly #target: FileHandle;
  readonly #written: FileHandle;
  readonly #compression: Compression;
  readonly #threads: PackThreads;
  readonly #empty: Channel<Buffer<ArrayBuffer>>;
  readonly #full: Channel<FullBlock>;
  readonly #pieces: Channel<Piece>;
  readonly #synced: Channel<Piece>;
  readonly #sums = { written: createHash('sha256'), readBack: createHash('sha256') };
  #bytes = 0;

  constructor(
    target: FileHandle,
    written: FileHandle,
    compression: Compression,
    threads: PackThreads,
    signal: AbortSignal,
  ) {
    this.#target = target;
    this.#written = written;
    this.#compression = compression;
    this.#threads = threads;
    this.#empty = new Channel(signal);
    this.#full = new Channel(signal);
    this.#pieces = new Channel(signal);
    this.#synced = new Channel(signal);
    // Whatever the speed of the disk, no more are in memory.
    for (let count = 0; count < threads.blocks; count += 1)
      this.#empty.push(Buffer.allocUnsafeSlow(blockBytes[compression]));
  }

  async read(content: Content, sources: readonly Source[]): Promise<void> {
    await content.write(sources, {
      empty: this.#empty,
      full: (buffer, bytes) => {
        const packing = this.#threads.pack(buffer, bytes);
        // Awaited by the next lane, unless that has failed.
        packing.catch(() => undefined);
        this.#full.push({ bytes, packing });
      },
    });
    this.#full.end();
  }

  async write(): Promise<void> {
    for await (const { bytes, packing } of this.#full) {
      const position = this.#bytes;
      const { block, packed } = await packing;
      this.#empty.push(block);
      this.#sums.written.update(packed);
      await this.#writeAll(packed);
      release(packed);
      this.#pieces.push({ position, length: this.#bytes - position, bytes });
    }
    this.#pieces.end();
  }

  async verify(content: Content): Promise<void> {
    const problem = await compareContent(this.#readBack(), content.files, {
      original: (file) => readAgain(file, content),
    });
    if (problem !== null) throw new NotAsWritten(problem);
    if (this.#sums.written.copy().digest('hex') === this.#sums.readBack.digest('hex')) return;
    throw new NotAsWritten('its checksum is another than that of what was written');
  }

  async #writeAll(data: Buffer): Promise<void> {
    for (let done = 0; done < data.length;) {
      const { bytesWritten } = await this.#target.write(data, done, data.length - done, this.#bytes);
      done += bytesWritten;
      this.#bytes += bytesWritten;
    }
  }

  result(): { readonly bytes: number; readonly sha256: string } {
    return { bytes: this.#bytes, sha256: this.#sums.written.digest('hex') };
  }

  /** Gives pieces on once they are on the disk. */
  async sync(): Promise<void> {
    let stretch: Piece[] = [];
    let bytes = 0;
    for await (const piece of this.#pieces) {
      stretch.push(piece);
      bytes += piece.length;
      if (bytes < stretchBytes) continue;
      await this.#target.datasync();
      for (const one of stretch) this.#synced.push(one);
      stretch = [];
      bytes = 0;
    }
    await this.#target.sync();
    for (const one of stretch) this.#synced.push(one);
    this.#synced.end();
  }

  /** What the file holds, unpacked. A piece of it is gone once the next one is asked for. */
  async *#readBack(): AsyncGenerator<Buffer> {
    const room = Buffer.allocUnsafeSlow(mostPacked(blockBytes[this.#compression]));
    for await (const { position, length, bytes } of this.#synced) {
      const packed = room.subarray(0, length);
      for (let done = 0; done < length;) {
        const { bytesRead } = await this.#written.read(packed, done, length - done, position + done);
        if (bytesRead === 0) throw new NotAsWritten('it is shorter than what was written');
        done += bytesRead;
      }
      this.#sums.readBack.update(packed);
      const content = unpackBlock(packed, this.#compression, bytes);
      yield content;
      release(content);
    }
  }
}
