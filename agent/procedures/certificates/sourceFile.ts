/** Reads one file with all that belongs to it. */
import { type Material, type Analysis, unusable } from './analyse.ts';
import { chainBeside, findKey, type Listing } from './beside.ts';
import { within } from './concurrently.ts';
import { parseContents, type Reading, UnparsableError } from './contents.ts';
import { fileProblem } from './fileProblem.ts';
import { readRegularFile } from './regularFile.ts';
import { foreignBlock } from './foreign.ts';
import type { FileSource } from './sources.ts';

export interface FileReading extends Reading {
  readonly listing: Listing;
  /** Milliseconds for one file. */
  readonly timeout: number;
  /** Name that every file must be valid for. */
  readonly host: string | null;
}

/** What there is to analyse; an analysis when there is nothing; null for keys and requests in a folder of certificates. */
export async function readSourceFile(
  file: FileSource,
  reading: FileReading,
): Promise<{ readonly material: Material } | { readonly analysis: Analysis } | null> {
  try {
    const material = await within(reading.timeout, materialOf(file, reading));
    return material === null ? null : { material };
  } catch (error) {
    reading.signal.throwIfAborted();
    const { status, problem } = fileProblem(file.path, error);
    return { analysis: unusable(file.path, status, problem) };
  }
}

async function materialOf(file: FileSource, reading: FileReading): Promise<Material | null> {
  const { bytes, mode } = await readRegularFile(file.path, reading.answering);
  const contents = await parseContents(bytes, reading);
  const [first, ...rest] = contents.certificates;
  if (first === undefined) {
    if (!file.named) return null;
    const instead = contents.others[0] ?? (contents.key === null ? null : 'PRIVATE KEY');
    throw new UnparsableError(`it holds no certificate${instead === null ? '' : ` but ${foreignBlock(instead)}`}`);
  }
  return {
    source: file.path,
    kind: 'file',
    certificates: [first, ...rest],
    orderMatters: contents.orderMatters,
    beside: rest.length === 0 ? await chainBeside(file.path, reading.listing, reading) : [],
    key: await findKey(file.path, { key: contents.key, mode }, reading.listing, reading),
    host: reading.host,
  };
}
