/**
 * Mends what a killed logrotate leaves behind, before the next one makes a loss of it. logrotate writes `app.log.1.gz` beside
 * `app.log.1` and removes the latter at the end; killed in between, its next run takes the half archive for the whole and
 * renames the new log over the only complete copy, exit code 0 (seen with 3.21). Every step here can be killed and repeated.
 */
import { lstat, rename, unlink } from 'node:fs/promises';
import type { Finding } from '../../protocol/nouns.ts';
import { compareArchive, compress, isPrefixOf, UnsafeFile } from './archive.ts';
import { asUser } from './asUser.ts';
import type { UserAndGroup } from './asUser.ts';
import { archiveEnding, generationsOf } from './generations.ts';
import type { FolderNames, Generation } from './generations.ts';
import type { JournalEntry } from './journal.ts';
import type { LogReport } from './logrotateOutput.ts';
import type { WorkingUsers } from './workingUsers.ts';
import { awaitRelease, describeWriters, findWriters } from './writers.ts';
import type { Writer } from './writers.ts';

export interface RepairContext {
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  readonly now: () => Date;
  readonly finding: (finding: Finding) => void;
  /** What the last run noted about the log before it was interrupted; absent = it was not. */
  readonly interrupted: ReadonlyMap<string, JournalEntry>;
  readonly users: WorkingUsers;
}

/**
 * Number of repairs done. Each is a finding `logs.repair`; throws when an archive is still being written. `folders`: as they are before
 * any repair.
 */
export async function repairLog(log: LogReport, folders: FolderNames, context: RepairContext): Promise<number> {
  const owner = log.user ?? (await context.users.of(log.target ?? log.path));
  if (owner === 'untrusted') return 0; // logrotate refuses such a folder too, so nothing gets lost there
  return await unlessSwapped(owner, log.path, context.finding, () => repairAs(owner, log, folders, context));
}

/** What goes wrong in a folder of somebody else, who may change it in this very moment, is told and ends nothing but this. */
export async function unlessSwapped(
  owner: UserAndGroup | null,
  subject: string,
  finding: RepairContext['finding'],
  work: () => Promise<number>,
): Promise<number> {
  try {
    return await work();
  } catch (error) {
    const expected = error instanceof UnsafeFile || (error instanceof Error && 'code' in error);
    if (owner === null || !expected) throw error;
    finding({
      level: 'warning',
      code: 'logs.unsafe',
      subject,
      message: `What an interrupted rotation left of ${subject} could not be mended with the rights of the owner of its folder: ${error.message}`,
    });
    return 0;
  }
}

async function repairAs(
  owner: UserAndGroup | null,
  log: LogReport,
  folders: FolderNames,
  context: RepairContext,
): Promise<number> {
  let generations = await generationsOf(log, folders);
  if (generations.length < 2) return 0;
  let repairs = await asUser(owner, () => dropInterruptedCopy(log, generations, context));
  if (repairs > 0) generations = await generationsOf(log);
  const broken = unfinished(log, generations, context.interrupted.get(log.path));
  if (broken.length > 0) {
    // With our own rights: others may not look into the processes of all.
    await awaitArchivers(broken, context.signal);
    const { writers } = await findWriters(new Set(broken.map(({ source }) => source.key)));
    for (const pair of broken) {
      repairs += await asUser(owner, () => mend(pair, log, writers.get(pair.source.key) ?? [], context));
    }
    generations = await generationsOf(log);
  }
  return repairs + (await asUser(owner, () => closeGap(log, generations, context)));
}

interface Unfinished {
  readonly source: Generation;
  /** The archive beside it; null when the killed run had not begun to compress. */
  readonly archive: Generation | null;
}

function unfinished(
  log: LogReport,
  generations: readonly Generation[],
  interrupted: JournalEntry | undefined,
): readonly Unfinished[] {
  const archives = new Map(
    generations.filter(({ ending }) => ending !== null).map((generation) => [generation.plainPath, generation]),
  );
  return generations
    .filter((generation) => generation.ending === null && generation.path !== log.path)
    .map((source) => ({ source, archive: archives.get(source.path) ?? null }))
    .filter(({ source, archive }) => archive !== null || isToPack(log, source, interrupted));
}

/** With immediate compression nothing uncompressed outlives a whole run, and the next rename would overwrite it. */
function isToPack(log: LogReport, source: Generation, interrupted: JournalEntry | undefined): boolean {
  if (log.compression !== 'immediate') return false;
  // By the way to its name a copy looks like the beginning of one that was cut off; the journal tells.
  if (log.copies) return source.path === interrupted?.target;
  return source.path === log.target || source.key === interrupted?.key;
}

/** A gzip that outlived its logrotate still writes; what it makes is judged when it is done. */
async function awaitArchivers(broken: readonly Unfinished[], signal: AbortSignal): Promise<void> {
  const archives = broken.map(({ archive }) => archive).filter((archive) => archive !== null);
  const scan = await awaitRelease(new Set(archives.map(({ key }) => key)), 60_000, signal);
  for (const archive of archives) {
    const writers = scan.writers.get(archive.key);
    if (writers === undefined) continue;
    throw new Error(
      `${archive.path} is still being written by ${describeWriters(writers)}; nothing was rotated, run this again later.`,
    );
  }
}

async function mend(
  { source, archive }: Unfinished,
  log: LogReport,
  writers: readonly Writer[],
  context: RepairContext,
): Promise<number> {
  const target = archive?.path ?? `${source.path}${archiveEnding(log)}`;
  const state = archive === null ? null : await compareArchive(archive.path, source.path, context.signal);
  const held = writers.length > 0 ? ` because ${describeWriters(writers)} still writes to it` : '';
  if (state === 'different') {
    return await setAside(source, `its archive ${target} holds something else`, context);
  }
  if (held !== '') {
    let repairs = 0;
    if (archive !== null) {
      const done = await act(context, target, 'removed the unfinished archive; the whole content is beside it', () =>
        unlink(target),
      );
      repairs += done;
    }
    if (log.compression !== 'immediate' || source.path !== log.target) return repairs;
    return repairs + (await setAside(source, `the next rotation would overwrite it, uncompressed${held}`, context));
  }
  if (state === 'equal') {
    return await act(context, source.path, `removed; ${target} is whole and holds the same`, () => unlink(source.path));
  }
  const what = archive === null ? 'compressed what' : 'replaced the unfinished archive that';
  return await act(context, target, `${what} an interrupted rotation left of ${source.path}`, () =>
    compress(source.path, target, context.signal),
  );
}

/** Renames to the name that logrotate itself uses for what stands in its way. */
export async function setAside(source: Generation, reason: string, context: RepairContext): Promise<number> {
  const hour = context.now().toISOString().slice(0, 13).replaceAll(/[-T]/g, '');
  const aside = `${source.path}-${hour}.backup`;
  return await act(context, source.path, `kept as ${aside}, since ${reason}`, () => renameFresh(source.path, aside));
}

/** A copytruncate that was killed between copy and truncate: the copy is the beginning of the log that is still there. */
async function dropInterruptedCopy(
  log: LogReport,
  generations: readonly Generation[],
  context: RepairContext,
): Promise<number> {
  const before = context.interrupted.get(log.path);
  if (before === undefined || !log.copies) return 0;
  const current = generations.find((generation) => generation.path === log.path);
  const copy = generations.find((generation) => generation.path === (before.target ?? log.target));
  if (current === undefined || copy === undefined || before.generations.includes(copy.key)) return 0;
  if (current.key !== before.key || current.bytes < before.bytes) return 0;
  if (!(await isPrefixOf(copy.path, current.path, context.signal))) return 0;
  return await act(context, copy.path, `removed; an interrupted copy of ${log.path}, which still holds it all`, () =>
    unlink(copy.path),
  );
}

/**
 * A rotation killed between its renames leaves `.N+1`, about to be deleted, and a gap below. Moving the files above the gap
 * back keeps the generation that the next rotation would otherwise delete one round too early.
 */
async function closeGap(log: LogReport, generations: readonly Generation[], context: RepairContext): Promise<number> {
  if (log.keep === null || log.keep < 1) return 0;
  const ending = log.compression === 'none' ? null : archiveEnding(log);
  const numbered = new Map<number, Generation>();
  for (const generation of generations) {
    if (generation.index !== null && generation.ending === ending) numbered.set(generation.index, generation);
  }
  const surplus = log.start + log.keep;
  if (!numbered.has(surplus)) return 0;
  const first = log.compression === 'delayed' ? log.start + 1 : log.start;
  let gap = surplus - 1;
  while (gap >= first && numbered.has(gap)) gap -= 1;
  if (gap < first) return 0;
  let repairs = 0;
  for (let index = gap + 1; index <= surplus; index += 1) {
    const generation = numbered.get(index);
    if (generation === undefined) continue;
    const lower = generation.path.replace(new RegExp(String.raw`\.${index}(?=[^/]*$)`), `.${index - 1}`);
    repairs += await act(
      context,
      generation.path,
      `moved back to ${lower}, where an interrupted rotation left a gap`,
      () => renameFresh(generation.path, lower),
    );
  }
  return repairs;
}

async function act(context: RepairContext, subject: string, did: string, work: () => Promise<void>): Promise<number> {
  if (!context.dryRun) await work();
  const message = context.dryRun ? `${subject} would be ${did}.` : `${subject}: ${did}.`;
  context.finding({ level: 'info', code: 'logs.repair', subject, message });
  return context.dryRun ? 0 : 1;
}

/** A rename that does not overwrite; one atomic step, so that a kill cannot leave two names. */
async function renameFresh(from: string, to: string): Promise<void> {
  if ((await lstat(to).catch(() => null)) !== null) throw new UnsafeFile(`${to} exists already; move it away by hand.`);
  await rename(from, to);
}
