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
const journal = z.object({
  startedAt: z.iso.datetime(),
  config: z.string(),
  /** Of the kernel, by proc(5): after another start what logrotate had said may be cut off. Null = not known. */
  boot: z.string().nullable().default(null),
  /** Whether what logrotate says is kept beside the journal (`outputFile`). */
  keepsOutput: z.boolean().default(false),
  logs: z.array(entry),
  /** Scripts that were begun, and those that came to their end, to finish this rotation. */
  begun: z.array(z.string()).default([]),
  ended: z.array(z.string()).default([]),
});
export type JournalEntry = z.infer<typeof entry>;
export type Journal = z.infer<typeof journal>;

/** One journal per configuration file, so that two tasks with their own files do not take each other's. */
export function journalFile(memoryDirectory: string, config: string): string {
  const id = createHash('sha256').update(config).digest('hex').slice(0, 16);
  return path.join(memoryDirectory, `rotation-${id}.json`);
}

/** What logrotate says in the rotation of that journal. */
export function outputFile(memoryDirectory: string, config: string): string {
  return beside(journalFile(memoryDirectory, config), '.output');
}

/** What a script says that finishes that rotation. */
export function scriptOutputFile(memoryDirectory: string, config: string): string {
  return beside(journalFile(memoryDirectory, config), '.script');
}

/** What the interrupted rotation had said; null where that is not kept. */
export async function readOutput(memoryDirectory: string, { config, keepsOutput }: Journal): Promise<string[] | null> {
  if (!keepsOutput) return null;
  const text = await readFile(outputFile(memoryDirectory, config), 'utf8').catch(() => null);
  return text?.split('\n') ?? null;
}

export async function bootId(): Promise<string | null> {
  const id = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  return id.trim() === '' ? null : id.trim();
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
  for (const ending of ['.output', '.script'] as const) await rm(beside(file, ending), { force: true });
}

function beside(journalPath: string, ending: '.output' | '.script'): string {
  return journalPath.replace(/\.json$/, ending);
}
