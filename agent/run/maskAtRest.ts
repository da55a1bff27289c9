/**
 * Takes secrets out of the files of runs that have ended, where they lie: what is masked is as long as it was, so nothing is copied
 * and no offset moves. A run has a mark in `unmasked/` from before its process starts until all of its files are done, so that a
 * crash in between is made up for by the next agent. Readers mask as well: nobody sees a file that is half done.
 */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { constants, open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Logger } from 'pino';
import type * as z from 'zod';
import { run } from '../protocol/nouns.ts';
import type { Masker, Range } from '../secrets/masker.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { writeFileAtomic } from '../store/atomicWrite.ts';
import { codeOf } from '../thrown.ts';
import { launch, RunDirectory } from './directory.ts';
import { readCut } from './outputCut.ts';

/** Small, so that the agent has its turn in between. */
const chunkBytes = 256 * 1024;
/** Holes of the output begin a block after the gap does, where its mark stands. */
const block = 4096;

export interface MaskAtRestParts {
  /** Folder of the marks. */
  readonly marks: string;
  /** Folder `runs/`. */
  readonly root: string;
  readonly secrets: Secrets;
  readonly log: Pick<Logger, 'warn'>;
}

export class MaskAtRest {
  readonly #parts: MaskAtRestParts;
  readonly #marked = new Set<string>();
  readonly #queue: string[] = [];
  #working: Promise<void> | null = null;
  #stopped = false;

  constructor(parts: MaskAtRestParts) {
    this.#parts = parts;
  }

  /** Takes up what an earlier agent left; `open` are the runs that have not ended. */
  start(open: ReadonlySet<string>): void {
    for (const id of this.#marksOnDisk()) {
      this.#marked.add(id);
      if (!open.has(id) && !this.#queue.includes(id)) this.ended(id);
    }
  }

  /** Ends after the chunk that is under way; the rest is the next agent's. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#working;
  }

  /** Before the process of a run starts. */
  begin(runId: string): void {
    const { marks, secrets, log } = this.#parts;
    if (secrets.masker.empty || this.#marked.has(runId)) return;
    this.#marked.add(runId);
    try {
      mkdirSync(marks, { recursive: true, mode: 0o700 });
      writeFileSync(join(marks, runId), '', { mode: 0o600 });
    } catch (error) {
      log.warn({ run: runId, error }, 'no mark could be made for a run: a crash could leave secrets in its files');
    }
  }

  ended(runId: string): void {
    if (!this.#marked.has(runId) || this.#stopped) return;
    this.#queue.push(runId);
    this.#working ??= this.#workUntilDone();
  }

  /** Resolves when nothing is left to do. */
  async settled(): Promise<void> {
    await this.#working;
  }

  async #workUntilDone(): Promise<void> {
    // A run may end in the very moment in which the last one is done.
    while (this.#queue.length > 0 && !this.#stopped) await this.#work();
    this.#working = null;
  }

  async #work(): Promise<void> {
    // Not in the very moment in which a run ends: others wait for that.
    await nextTurn();
    for (let id = this.#queue.shift(); id !== undefined && !this.#stopped; id = this.#queue.shift()) {
      try {
        const directory = RunDirectory.of(this.#parts.root, id);
        const goOn = (): boolean => !this.#stopped;
        if (directory !== null && !(await maskRun(directory, this.#parts.secrets.masker, goOn))) return;
        await rm(join(this.#parts.marks, id), { force: true });
        this.#marked.delete(id);
      } catch (error) {
        this.#parts.log.warn(
          { run: id, error },
          'secrets could not be taken out of the files of a run; the next agent tries again',
        );
      }
    }
  }

  #marksOnDisk(): readonly string[] {
    try {
      return readdirSync(this.#parts.marks);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return [];
      throw error;
    }
  }
}

/** False when it was broken off. */
export async function maskRun(directory: RunDirectory, masker: Masker, goOn = (): boolean => true): Promise<boolean> {
  if (masker.empty) return true;
  const cut = readCut(directory.output);
  const hole = cut?.shift === 0 ? { from: cut.from + block, to: cut.to } : null;
  const whole =
    (await maskFile(directory.output, masker, { json: false, hole, goOn })) &&
    (await maskFile(directory.results, masker, { json: true, hole: null, goOn })) &&
    (await maskFile(directory.script, masker, { json: false, hole: null, goOn }));
  if (!whole) return false;
  await maskRecord(join(directory.path, 'run.json'), launch, masker);
  await maskRecord(join(directory.path, 'end.json'), run, masker);
  return true;
}

interface HowToMask {
  /** A mask may not begin within an escape. */
  readonly json: boolean;
  /** Where nothing is, if anywhere. */
  readonly hole: Range | null;
  readonly goOn: () => boolean;
}

async function maskFile(file: string, masker: Masker, { json, hole, goOn }: HowToMask): Promise<boolean> {
  const handle = await openIfThere(file);
  if (handle === null) return true;
  try {
    const edge = masker.longest - 1;
    const buffer = Buffer.allocUnsafe(chunkBytes + edge);
    for (let at = 0; ; at += chunkBytes) {
      if (!goOn()) return false;
      if (hole !== null && at >= hole.from && at < hole.to) at = Math.max(at, hole.to - edge);
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
      const bytes = buffer.subarray(0, bytesRead);
      const found = masker.find(bytes);
      for (const { from, to } of found) bytes.fill('*', json ? Math.min(afterEscape(bytes, from), to) : from, to);
      const first = found[0]?.from ?? 0;
      const last = found.at(-1)?.to ?? 0;
      if (last > first) await handle.write(bytes, first, last - first, at + first);
      if (bytesRead < buffer.length) return true;
      await nextTurn();
    }
  } finally {
    await handle.close();
  }
}

/** Where `from` lies behind a backslash that begins an escape, the place after that escape (RFC 8259, section 7). */
function afterEscape(bytes: Buffer, from: number): number {
  let backslashes = 0;
  while (bytes[from - 1 - backslashes] === 0x5c) backslashes += 1;
  if (backslashes % 2 === 0) return from;
  return from + (bytes[from] === 0x75 ? 5 : 1);
}

/** A record stays one that can be read: a secret that is one of its own words (`manual`) stays in it. */
async function maskRecord(file: string, schema: z.ZodType, masker: Masker): Promise<void> {
  const handle = await openIfThere(file);
  const text = await handle?.readFile('utf8');
  await handle?.close();
  if (text === undefined || masker.text(text) === text) return;
  const masked = masker.json(text);
  let readable = false;
  try {
    readable = schema.safeParse(JSON.parse(masked)).success;
  } catch {
    // A record that is no JSON is nobody's.
    readable = true;
  }
  if (!readable) return;
  await writeFileAtomic(file, masked);
}

/** Null also for a link or pipe in its place: the run may have put it there. */
async function openIfThere(file: string): Promise<FileHandle | null> {
  try {
    const handle = await open(file, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if ((await handle.stat()).isFile()) return handle;
    await handle.close();
    return null;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ELOOP') return null;
    throw error;
  }
}
