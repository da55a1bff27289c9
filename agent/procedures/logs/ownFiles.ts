/** Files that Upkeep writes for itself: configuration and journal of a rotation. */
import { rename, rm } from 'node:fs/promises';
import { writeNewFile } from '../../store/atomicWrite.ts';
import { codeOf } from '../../thrown.ts';

/** The disk (or the user's share of it) is full, or would be. The message is a clause. */
export class NoRoom extends Error {
  override readonly name = 'NoRoom';
  /** What could not be written, or where. */
  readonly file: string;

  constructor(file: string, message = `there is no space left for ${file}`, options: ErrorOptions = {}) {
    super(message, options);
    this.file = file;
  }
}

/** Replaces the file in one step; it is its owner's alone from its first byte. Throws NoRoom, with the file as it was. */
export async function replaceFile(file: string, text: string): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`;
  await rm(temporary, { force: true });
  await withRoom(file, async () => {
    try {
      await writeNewFile(temporary, text, 0o600);
      await rename(temporary, file);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  });
}

/** Runs `work`; that the disk is full becomes NoRoom, which says for what. */
export async function withRoom<Result>(file: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (isOutOfSpace(error)) {
      throw new NoRoom(file, undefined, { cause: error });
    }
    throw error;
  }
}

/** The disk, or what its user may take of it, is used up. */
export function isOutOfSpace(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes(codeOf(error));
}
