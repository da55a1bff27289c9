/** Reads all files of one log into its analysis. */
import { feedLines } from './lines.ts';
import type { LogAnalysis } from './logAnalysis.ts';
import type { LogPlace } from './places.ts';
import { reasonOf } from './places.ts';
import { isPackingError, openSource, UnreadableSource } from './source.ts';

export interface FailedFile {
  readonly path: string;
  /** A sentence. */
  readonly reason: string;
  /** It was read, but not to its end. */
  readonly partly: boolean;
}

export interface Reader {
  readonly signal: AbortSignal;
  /** Bytes of files that were read since the last call. */
  readonly advance: (bytes: number) => void;
  /** What takes the lines that come now: of `path` itself (`member` is null), or of a log in this archive. */
  readonly begin: (path: string, member: string | null) => LogAnalysis;
  /** All of that was read: so many bytes. */
  readonly end: (bytes: number) => void;
}

/** Resolves with the files that could not be read, or not to their end. Rejects when it is aborted. */
export async function readLog(place: LogPlace, reader: Reader): Promise<readonly FailedFile[]> {
  const failures: FailedFile[] = [];
  for (const path of place.files) {
    try {
      await readFile(path, reader);
    } catch (error) {
      reader.signal.throwIfAborted();
      const partly = isPackingError(error);
      const reason = partly
        ? `${path} is damaged or breaks off; what was before that was read.`
        : error instanceof UnreadableSource
          ? error.message
          : reasonOf(path, error);
      failures.push({ path, reason, partly });
    }
  }
  return failures;
}

async function readFile(path: string, { signal, advance, begin, end }: Reader): Promise<void> {
  const source = await openSource(path);
  let before = 0;
  signal.addEventListener('abort', source.interrupt, { once: true });
  try {
    for await (const { name, read } of source.logs) {
      const analysis = begin(path, name);
      let bytes = 0;
      try {
        const counted: typeof read = async (buffer, offset, length) => {
          const count = await read(buffer, offset, length);
          bytes += count;
          advance(source.position() - before);
          before = source.position();
          return count;
        };
        analysis.longLines += await feedLines(counted, analysis.take, signal);
      } finally {
        analysis.endFile();
        end(name === null && source.bytes > 0 ? source.bytes : bytes);
      }
    }
  } finally {
    signal.removeEventListener('abort', source.interrupt);
    await source.close();
  }
}
