/** Reads all files of one log into its analysis. */
import { feedLines } from './lines.ts';
import type { LogAnalysis } from './logAnalysis.ts';
import type { LogPlace } from './places.ts';
import { reasonOf } from './places.ts';
import { isPackingError, openSource, UnreadableSource } from './source.ts';

export interface ReadFiles {
  /** What could be opened. */
  readonly read: readonly string[];
  readonly bytes: number;
  /** Files that could not be read, or not to their end: a sentence each. */
  readonly failures: readonly { readonly path: string; readonly reason: string; readonly partly: boolean }[];
}

/** `advance`: bytes of files that were read since the last call. Rejects when it is aborted. */
export async function readLog(
  place: LogPlace,
  analysis: LogAnalysis,
  given: { readonly signal: AbortSignal; readonly advance: (bytes: number) => void },
): Promise<ReadFiles> {
  const read: string[] = [];
  const failures: { path: string; reason: string; partly: boolean }[] = [];
  let bytes = 0;
  for (const path of place.files) {
    try {
      bytes += await readFile(path, analysis, given, () => read.push(path));
    } catch (error) {
      given.signal.throwIfAborted();
      const partly = isPackingError(error);
      const reason = partly
        ? `${path} is damaged or breaks off; what was before that was read.`
        : error instanceof UnreadableSource
          ? error.message
          : reasonOf(path, error);
      failures.push({ path, reason, partly });
    } finally {
      analysis.endFile();
    }
  }
  return { read, bytes, failures };
}

async function readFile(
  path: string,
  analysis: LogAnalysis,
  { signal, advance }: { readonly signal: AbortSignal; readonly advance: (bytes: number) => void },
  opened: () => void,
): Promise<number> {
  const source = await openSource(path);
  opened();
  let before = 0;
  try {
    const read: typeof source.read = async (buffer, offset, length) => {
      const count = await source.read(buffer, offset, length);
      advance(source.position() - before);
      before = source.position();
      return count;
    };
    analysis.longLines += await feedLines(read, analysis.take, signal);
    return source.bytes;
  } finally {
    await source.close();
  }
}
