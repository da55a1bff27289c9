/** What there was before a rotation, kept while it runs: a journal found later tells that the rotation was interrupted. */
import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import { replaceFile } from './ownFiles.ts';

const entry = z.object({
  path: z.string(),
  /** Inode of the log, `dev:ino`. */
  key: z.string(),
  bytes: z.number(),
  /** Generation that takes the content first. */
  target: z.string().nullable().default(null),
  /** Inodes of its generations. */
  generations: z.array(z.string()),
});
const journal = z.object({ startedAt: z.iso.datetime(), config: z.string(), logs: z.array(entry) });
export type JournalEntry = z.infer<typeof entry>;
export type Journal = z.infer<typeof journal>;

/** One journal per configuration file, so that two tasks with their own files do not take each other's. */
export function journalFile(memoryDirectory: string, config: string): string {
  const id = createHash('sha256').update(config).digest('hex').slice(0, 16);
  return path.join(memoryDirectory, `rotation-${id}.json`);
}

export async function writeJournal(file: string, content: Journal): Promise<void> {
  await replaceFile(file, JSON.stringify(content));
}

/** Null when the last rotation came to its end, or when its journal cannot be read. */
export async function readJournal(file: string): Promise<Journal | null> {
  try {
    const parsed = journal.safeParse(JSON.parse(await readFile(file, 'utf8')));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

export async function removeJournal(file: string): Promise<void> {
  await rm(file, { force: true });
}
