/**
 * Compressed logs by the ending of their name, and the programs that pack and unpack them. gzip is read here, the others by their own
 * programs: from an open file to a pipe, so that no name reaches them.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, type ReadStream } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { createGunzip, createGzip } from 'node:zlib';
import type { Config } from '../../config/schema.ts';
import { findTool } from '../tool.ts';
import { isZlibError, through } from './zlibStream.ts';

type Compression = NonNullable<Config['logs']['rotate']>[number]['compression'];

export interface Packer {
  readonly ending: string;
  /** Packs with `-c`, unpacks with `-dc`, from standard input to standard output. */
  readonly program: string;
  /** Debian's name of the package that has it. */
  readonly package: string;
  /** Other programs that write the same format. */
  readonly alike: readonly string[];
}

/** Those that `logs.rotate` offers. */
export const offered: Readonly<Record<Compression, Packer>> = {
  gzip: { ending: '.gz', program: 'gzip', package: 'gzip', alike: ['pigz'] },
  zstd: { ending: '.zst', program: 'zstd', package: 'zstd', alike: ['zstdmt', 'pzstd'] },
  xz: { ending: '.xz', program: 'xz', package: 'xz-utils', alike: ['pixz'] },
  bzip2: { ending: '.bz2', program: 'bzip2', package: 'bzip2', alike: ['pbzip2', 'lbzip2'] },
};

const packers: readonly Packer[] = [
  ...Object.values(offered),
  { ending: '.lz4', program: 'lz4', package: 'lz4', alike: [] },
  { ending: '.Z', program: 'compress', package: 'ncompress', alike: [] },
];

/** With the dot, as `.gz`. */
export const packedEndings: readonly string[] = packers.map(({ ending }) => ending);

/** Ending of what the program writes; null when it is not known. */
export function endingOf(program: string): string | null {
  return packers.find((one) => one.program === program || one.alike.includes(program))?.ending ?? null;
}

/** Debian's name of the package that has the program. */
export function packageOf(program: string): string {
  return packers.find((one) => one.program === program)?.package ?? program;
}

/** By the program of the same name. */
export type Packing = 'gzip' | 'zstd' | 'xz' | 'bzip2' | 'lz4';

/** RFC 1952, RFC 8878 (also its skippable frames), the xz file format, bzip2(1), the lz4 frame format. */
const magics: readonly (readonly [RegExp, Packing])[] = [
  [/^1f8b08/, 'gzip'],
  [/^28b52ffd/, 'zstd'],
  [/^5[0-9a-f]2a4d18/, 'zstd'],
  [/^fd377a585a00/, 'xz'],
  [/^425a68(?:3[1-9])(?:314159265359|177245385090)/, 'bzip2'],
  [/^04224d18/, 'lz4'],
];
/** Bytes that tell them apart. */
export const magicBytes = 16;

/** What packed a file, by its first bytes; null = nothing that is known. */
export function packingOf(beginning: Buffer): Packing | null {
  const hex = beginning.toString('hex', 0, magicBytes);
  return magics.find(([pattern]) => pattern.test(hex))?.[1] ?? null;
}

/** An archive that breaks off or is no archive. */
export class DamagedArchive extends Error {
  override readonly name = 'DamagedArchive';
}

/** The program that reads or writes such archives is not installed. */
export class MissingPacker extends Error {
  override readonly name = 'MissingPacker';
}

/** Content of a compressed file, from its beginning. Throws DamagedArchive, MissingPacker. */
export async function* unpacked(file: FileHandle, ending: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  if (ending !== '.gz') {
    yield* throughProgram(file, ending, '-dc', signal);
    return;
  }
  try {
    yield* through(readFrom(file), createGunzip());
  } catch (error) {
    throw isZlibError(error) ? new DamagedArchive(error.message, { cause: error }) : error;
  }
}

/** What the compressed file will be, byte for byte, of an open file. Throws MissingPacker. */
export function packed(file: FileHandle, ending: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  return ending === '.gz'
    ? through(readFrom(file), createGzip({ level: 6 }))
    : throughProgram(file, ending, '-c', signal);
}

function readFrom(file: FileHandle): ReadStream {
  return createReadStream('', { fd: file, autoClose: false, start: 0 });
}

async function* throughProgram(
  file: FileHandle,
  ending: string,
  flag: '-c' | '-dc',
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const packer = packers.find((one) => one.ending === ending);
  // gzip(1) reads what compress(1) writes, which few have.
  const program = ending === '.Z' && flag === '-dc' ? 'gzip' : packer?.program;
  const binary = program === undefined ? null : await findTool(program, process.env);
  if (packer === undefined || program === undefined || binary === null) {
    throw new MissingPacker(
      `${program ?? ending} is not installed, without which ${ending} files cannot be read or made; ` +
        `install the package \`${packer?.package ?? ending}\`.`,
    );
  }
  signal.throwIfAborted();
  const child = spawn(binary, [flag], { stdio: [file.fd, 'pipe', 'ignore'] });
  const { stdout } = child;
  if (stdout === null) throw new Error(`${binary} was started without its output.`);
  const closed = once(child, 'close');
  closed.catch(() => undefined);
  try {
    for await (const chunk of stdout) yield chunk as Buffer;
    const [code] = (await closed) as [number | null];
    if (code !== 0)
      throw new DamagedArchive(`${program} ${flag} ended with ${code === null ? 'a signal' : String(code)}`);
  } finally {
    child.kill('SIGKILL');
  }
}
