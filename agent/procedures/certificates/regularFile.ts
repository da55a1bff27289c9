import { closeSync, constants, fstatSync, open, openSync, read, readSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

export interface FileContent {
  readonly bytes: Buffer;
  /** Permission bits. */
  readonly mode: number;
}

/** Larger than any bundle of certificates; the authorities of a whole system take a quarter of a megabyte. */
const largestFile = 10 * 1024 * 1024;

/** A file that is there but cannot hold certificates; `message` goes on after `The file … can not be used: `. */
class UnsuitableFileError extends Error {
  override readonly name = 'UnsuitableFileError';
}

/** What is read at once: a thousand files of this size cost less than a thousand turns of the event loop. */
const smallFile = 64 * 1024;

/** Folders from which a file was opened without a hang. */
export type AnsweringFolders = Set<string>;

/**
 * Content of a regular file. What is looked at is what was opened, without waiting: a FIFO, device or folder is refused
 * (UnsuitableFileError) and does not hang. Other errors are those of open(2) and read(2). A network file system may take for
 * ever to open a file, so that happens off the main thread, until its folder is among `answering`; what is not small is
 * always read there.
 */
export async function readRegularFile(path: string, answering?: AnsweringFolders): Promise<FileContent> {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK;
  const folder = dirname(path);
  const descriptor = answering?.has(folder) === true ? openSync(path, flags) : await openFile(path, flags);
  answering?.add(folder);
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw new UnsuitableFileError('it is not a regular file');
    if (stats.size > largestFile) throw new UnsuitableFileError('it is larger than 10 MB');
    const buffer = Buffer.allocUnsafe(stats.size);
    let length = 0;
    while (length < buffer.length) {
      const rest = buffer.length - length;
      const count =
        stats.size <= smallFile
          ? readSync(descriptor, buffer, length, rest, length)
          : (await readFrom(descriptor, buffer, length, rest, length)).bytesRead;
      if (count === 0) break;
      length += count;
    }
    return { bytes: buffer.subarray(0, length), mode: stats.mode & 0o7777 };
  } finally {
    closeSync(descriptor);
  }
}

const openFile = promisify(open);
const readFrom = promisify(read);
