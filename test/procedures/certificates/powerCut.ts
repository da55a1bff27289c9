/** A process that ends at its k-th change of the file system: nothing of what it would still do, clean-up included, happens. */
import { constants } from 'node:fs';
import files from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class PowerCut extends Error {
  override readonly name = 'PowerCut';
}

type Call = (...args: unknown[]) => Promise<unknown>;

const changes = ['rename', 'rm', 'mkdir', 'symlink', 'chmod', 'chown', 'lchown', 'utimes', 'lutimes', 'open'] as const;

/**
 * Runs `work`, and calls `end` (which throws, or kills) in place of each change from number `after` on. Gives the number of
 * changes that it made.
 */
export async function cutAfter(after: number, end: () => never, work: () => Promise<unknown>): Promise<number> {
  let count = 0;
  const step = (): void => {
    if (count >= after) end();
    count += 1;
  };
  const own = await handlePrototype();
  const originals = changes.map((name) => [name, files[name] as Call] as const);
  const write = own.writeFile;
  for (const [name, original] of originals) {
    const replaced: Call = async (...args) => {
      if (name !== 'open' || isWriting(args[1])) step();
      return await original.apply(files, args);
    };
    Object.assign(files, { [name]: replaced });
  }
  own.writeFile = async function (this: unknown, ...args) {
    step();
    return await write.apply(this, args);
  };
  syncBuiltinESMExports();
  try {
    await work();
    return count;
  } finally {
    for (const [name, original] of originals) Object.assign(files, { [name]: original });
    own.writeFile = write;
    syncBuiltinESMExports();
  }
}

function isWriting(flags: unknown): boolean {
  return typeof flags === 'number'
    ? (flags & (constants.O_WRONLY | constants.O_RDWR)) !== 0
    : flags !== undefined && flags !== 'r';
}

async function handlePrototype(): Promise<{ writeFile: Call }> {
  const folder = await files.mkdtemp(join(tmpdir(), 'upkeep-handle-'));
  const handle = await files.open(join(folder, 'a'), 'w');
  const prototype = Object.getPrototypeOf(handle) as { writeFile: Call };
  await handle.close();
  await files.rm(folder, { recursive: true });
  return prototype;
}
