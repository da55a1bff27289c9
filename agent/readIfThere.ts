/** Files that need not be there. */
import { readFile } from 'node:fs/promises';
import { codeOf } from './thrown.ts';

/** Its text (UTF-8); null where there is no such file. Rejects with any other error of the system. */
export async function readIfThere(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}
