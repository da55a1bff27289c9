/**
 * Puts restored trees in the place of those that are there, so that a kill at any moment leaves a state that the next run
 * undoes or finishes. Each root is made whole beside its place, in a folder of the same file system; the journal then says
 * `switching`, and two renames a root follow. Before that word an interruption is undone, after it the rest is done.
 */
import { randomBytes } from 'node:crypto';
import { lstat, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import * as z from 'zod';
import { readIfThere } from '../../readIfThere.ts';
import { syncDirectory, writeFileAtomic } from '../../store/atomicWrite.ts';
import { StoreProblem } from './backupStore.ts';

const journal = z.strictObject({
  phase: z.enum(['staging', 'switching']),
  archive: z.string(),
  places: z.array(z.strictObject({ root: z.string(), stage: z.string() })),
});
export type Journal = z.infer<typeof journal>;
export type Place = Journal['places'][number];

/** What an earlier restore that was interrupted has become. */
export interface Recovery {
  readonly kind: 'undone' | 'finished';
  readonly archive: string;
  readonly roots: readonly string[];
  /** What others had put where the restored tree belongs. */
  readonly setAside: readonly string[];
}

/** Where the tree of `root` is made; a folder of its own beside it. */
export function placeFor(root: string): Place {
  const stage = join(dirname(root), `.upkeep-restore-${basename(root)}-${randomBytes(4).toString('hex')}`);
  return { root, stage };
}

export function stagedRoot({ stage }: Place): string {
  return join(stage, 'new');
}

export async function writeJournal(destination: string, entry: Journal): Promise<void> {
  await writeFileAtomic(journalFile(destination), `${JSON.stringify(entry, null, 1)}\n`);
}

/** Ends what an interrupted restore left; null when there is nothing. */
export async function recover(destination: string): Promise<Recovery | null> {
  const entry = await readJournal(destination);
  if (entry === null) return null;
  const roots = entry.places.map(({ root }) => root);
  if (entry.phase === 'staging') {
    await clean(destination, entry.places);
    return { kind: 'undone', archive: entry.archive, roots, setAside: [] };
  }
  const setAside = await switchOver(destination, entry.places);
  return { kind: 'finished', archive: entry.archive, roots, setAside };
}

/** The restore that was interrupted and waits for `recover`; null when there is none. */
export async function interrupted(destination: string): Promise<Pick<Journal, 'archive' | 'places'> | null> {
  return await readJournal(destination);
}

/**
 * Once the journal says `switching`: puts the made trees in their places and removes the old ones. Can be repeated from any point
 * of itself; where a place can not be taken, all of them are as they were and the error is thrown. Gives the paths to which it
 * moved what others had made in such a place meanwhile.
 */
export async function switchOver(destination: string, places: readonly Place[]): Promise<string[]> {
  let setAside: string[];
  try {
    setAside = await moveIn(places);
  } catch (error) {
    await moveBack(places);
    await clean(destination, places);
    throw error;
  }
  await clean(destination, places);
  return setAside;
}

/** Removes what lies beside the roots, and then the journal. */
export async function clean(destination: string, places: readonly Place[]): Promise<void> {
  for (const { stage } of places) await rm(stage, { recursive: true, force: true });
  await rm(journalFile(destination), { force: true });
  await syncDirectory(destination);
}

async function moveIn(places: readonly Place[]): Promise<string[]> {
  const setAside: string[] = [];
  for (const place of places) {
    const [made, old] = [stagedRoot(place), oldRoot(place)];
    if (!(await exists(made))) continue;
    if (await exists(place.root)) {
      if (await exists(old)) {
        const aside = `${place.root}.found-${basename(place.stage).slice(-8)}`;
        await rename(place.root, aside);
        setAside.push(aside);
      } else await rename(place.root, old);
    }
    await rename(made, place.root);
    await syncDirectory(dirname(place.root));
  }
  return setAside;
}

async function moveBack(places: readonly Place[]): Promise<void> {
  for (const place of places) {
    const [made, old] = [stagedRoot(place), oldRoot(place)];
    if (!(await exists(made))) await rename(place.root, made);
    if (await exists(old)) await rename(old, place.root);
    await syncDirectory(dirname(place.root));
  }
}

function oldRoot({ stage }: Place): string {
  return join(stage, 'old');
}

async function readJournal(destination: string): Promise<Journal | null> {
  const file = journalFile(destination);
  const text = await readIfThere(file);
  if (text === null) return null;
  try {
    return journal.parse(JSON.parse(text));
  } catch {
    throw new StoreProblem(
      `${file} says nothing that a restore wrote; look for folders .upkeep-restore-* beside the certificates, and remove the file.`,
    );
  }
}

function journalFile(destination: string): string {
  return join(destination, '.restore.json');
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
