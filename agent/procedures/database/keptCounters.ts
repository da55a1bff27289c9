/** The counters of the last check, one per database, in the procedure's memory folder. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { makeMemory } from '../memory.ts';
import type { KeptCounters } from './counterFindings.ts';
import { countersSchema } from './serverState.ts';
import type { DatabaseTarget } from './target.ts';

const kept = z.record(z.string(), countersSchema.extend({ at: z.string() }));
export type CounterBook = Map<string, KeptCounters>;

export function counterKey({ host, port, database }: DatabaseTarget): string {
  return `${host}:${port}/${database}`;
}

/** What was kept; an empty book when there is none, or none that can be read: the next check then begins anew. */
export async function readCounters(memoryDirectory: string): Promise<CounterBook> {
  try {
    return new Map(Object.entries(kept.parse(JSON.parse(await readFile(join(memoryDirectory, fileName), 'utf8')))));
  } catch {
    return new Map();
  }
}

/** Throws when the folder can not be written to. */
export async function writeCounters(memoryDirectory: string, book: CounterBook): Promise<void> {
  await makeMemory(memoryDirectory);
  const file = join(memoryDirectory, fileName);
  await writeFile(`${file}.new`, JSON.stringify(Object.fromEntries(book)), { mode: 0o600 });
  await rename(`${file}.new`, file);
}

const fileName = 'counters.json';
