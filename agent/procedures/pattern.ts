/** Files and folders that a pattern of a person leads to. */
import type { Stats } from 'node:fs';
import { glob, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { codeOf } from '../thrown.ts';

export interface Place {
  readonly path: string;
  /** To the letter: `[1].log` may be the name of a file. */
  readonly named: boolean;
  /** Behind links; null = nothing that this user can look at. */
  readonly stats: Stats | null;
}

/** The place of that very name, else those that the glob leads to, absolute. Throws the system's error for a name that is no glob. */
export async function* placesOf(pattern: string): AsyncGenerator<Place> {
  const named = await stat(pattern).catch((error: unknown) => {
    if (!/[*?[{]/.test(pattern) || codeOf(error) !== 'ENOENT') throw error;
    return null;
  });
  if (named !== null) {
    yield { path: pattern, named: true, stats: named };
    return;
  }
  for await (const match of glob(pattern)) {
    const path = resolve(match);
    yield { path, named: false, stats: await stat(path).catch(() => null) };
  }
}
