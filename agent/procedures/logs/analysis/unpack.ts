/** Packed logs: which program packed one is told by its first bytes, and zlib or that program unpacks it as a stream. */
import { Readable } from 'node:stream';
import { execa } from 'execa';
import { findTool } from '../../tool.ts';
import { unpacked } from '../compression.ts';
import { packageOf, type Packing } from '../packers.ts';

/** Packed data that is damaged or breaks off. */
export class DamagedSource extends Error {
  override readonly name = 'DamagedSource';
}

/** There is no program that unpacks it; `message` is the end of a sentence whose beginning is the path. */
export class NoUnpacker extends Error {
  override readonly name = 'NoUnpacker';
}

export function unpack(chunks: AsyncIterable<Buffer>, packing: Packing): AsyncIterable<Buffer> {
  return packing === 'gzip' || packing === 'zstd' ? unpacked(chunks, packing) : byProgram(chunks, packing);
}

/** `xz -dc` and its kin, with the packed bytes on their standard input. */
async function* byProgram(chunks: AsyncIterable<Buffer>, name: Packing): AsyncGenerator<Buffer> {
  const program = await findTool(name, process.env);
  if (program === null) {
    const remedy = `install ${packageOf(name)}, or unpack it first`;
    throw new NoUnpacker(`is packed by ${name}, which this host has not; ${remedy}.`);
  }
  const input = Readable.from(chunks, { objectMode: false });
  const child = execa(program, ['-dc'], {
    ...{ stdin: 'pipe', buffer: false, encoding: 'buffer', reject: false },
    ...{ env: { LC_ALL: 'C' }, extendEnv: false, cwd: '/' },
  });
  let problem: unknown;
  input.on('error', (error) => {
    problem = error;
    child.kill();
  });
  // A program that ends early closes its input: what is wrong is told by its exit.
  child.stdin.on('error', () => undefined);
  input.pipe(child.stdin);
  let ended = false;
  try {
    for await (const chunk of child.stdout) yield chunk as Buffer;
    ended = true;
  } finally {
    input.destroy();
    if (!ended) child.kill();
    const { exitCode, failed } = await child;
    if (problem instanceof Error) throw problem;
    if (ended && failed) throw new DamagedSource(`${name} ended with ${exitCode ?? 'a signal'}`);
  }
}
