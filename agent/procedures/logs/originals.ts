/**
 * Removes files that an archive holds. Each is first renamed to a name of its own in its folder and looked at there: what a rotation
 * or an attacker put under the old name in the meantime is never removed, and goes back. Every step can be killed and repeated.
 */
import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { link, lstat, readdir, rename, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { giveBuffer, takeBuffer } from '../../bufferPool.ts';
import { codeOf, errorOf, messageOf } from '../../thrown.ts';
import { concurrently } from '../certificates/concurrently.ts';
import { openSafely, UnsafeFile } from './archive.ts';
import { asUser } from './asUser.ts';
import type { UserAndGroup } from './asUser.ts';
import { trustedOr } from './folderTrust.ts';
import { withoutEnding } from './generations.ts';
import type { ArchivedFile } from './manifest.ts';
import { DamagedArchive, endingOf, magicBytes, MissingPacker, packingOf, unpacked } from './packers.ts';
import { isOnlyRenamed, isUnchanged } from './unchanged.ts';

/** `gone`: there is no such file any more. Otherwise why a file was kept. */
export type Removal = 'removed' | 'gone' | { readonly kept: string };

const atOnce = 8;
const chunkBytes = 256 * 1024;
/** Files of one folder between two looks at who can change it. */
const betweenLooks = 256;

/**
 * Removes each file wherever it is in its folder by now, if it is the one that was archived, to the last byte: read again, or untouched
 * by its mark (unchanged.ts); in folders that others can write to with the rights of `su`. Results in their order.
 */
export async function removeOriginals(
  files: readonly ArchivedFile[],
  marks: ReadonlyMap<string, string>,
  signal: AbortSignal,
  su: UserAndGroup | null = null,
): Promise<readonly (readonly [ArchivedFile, Removal])[]> {
  const done: (readonly [ArchivedFile, Removal])[] = [];
  for (let next = 0; next < files.length;) {
    const folder = path.dirname(files[next]?.path ?? '');
    const rest = files.slice(next, next + betweenLooks);
    const other = rest.findIndex((file) => path.dirname(file.path) !== folder);
    const some = other === -1 ? rest : rest.slice(0, other);
    const removals = await removeFrom(folder, some, { marks, signal, su });
    done.push(...some.map((file, index) => [file, removals[index] ?? 'gone'] as const));
    next += some.length;
  }
  return done;
}

interface Removing {
  readonly marks: ReadonlyMap<string, string>;
  readonly signal: AbortSignal;
  readonly su: UserAndGroup | null;
}

async function removeFrom(
  folder: string,
  files: readonly ArchivedFile[],
  { marks, signal, su }: Removing,
): Promise<readonly Removal[]> {
  try {
    const trust = await trustedOr(folder, su);
    if (trust === 'untrusted') return files.map(() => ({ kept: `others can write to ${folder} by now` }));
    return await asUser(trust, () => removeAll(folder, files, marks, signal));
  } catch (error) {
    if (isMissing(error)) return files.map(() => 'gone');
    if (codeOf(error) === '') throw error;
    return files.map(() => ({ kept: messageOf(error) }));
  }
}

/** Those in their places at once; then one after the other those that a rotation has moved, which look at each other's names. */
async function removeAll(
  folder: string,
  files: readonly ArchivedFile[],
  marks: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<readonly Removal[]> {
  const results: Attempt[] = await concurrently(files, atOnce, (file) =>
    attempt(() => removeInPlace(folder, file, marks.get(file.path) ?? null, signal)),
  );
  for (const [index, file] of files.entries()) {
    if (results[index] === 'elsewhere') results[index] = await attempt(() => removeElsewhere(folder, file, signal));
  }
  // Thrown only now: nothing may be under way any more when the rights of the folder's owner end.
  return results.map((result) => {
    if (result instanceof Error) throw result;
    return result === 'elsewhere' ? 'gone' : result;
  });
}

type Attempt = Removal | 'elsewhere' | Error;

/** What the system refuses keeps this one file; any other error is the result. */
async function attempt(work: () => Promise<Removal | 'elsewhere'>): Promise<Attempt> {
  try {
    return await work();
  } catch (error) {
    if (isMissing(error)) return 'gone';
    const kept = error instanceof UnsafeFile || error instanceof MissingPacker || codeOf(error) !== '';
    return kept ? { kept: messageOf(error) } : errorOf(error);
  }
}

async function removeInPlace(
  folder: string,
  file: ArchivedFile,
  mark: string | null,
  signal: AbortSignal,
): Promise<Removal | 'elsewhere'> {
  signal.throwIfAborted();
  const captured = path.join(folder, capturedName(file));
  // What a killed run had in its hand comes first.
  if (await isThere(captured)) {
    const compressed = withoutEnding(file.path).ending === null ? await endingIn(captured) : null;
    const removed = await judge(captured, { ...file, compressed }, signal);
    if (removed !== null) return removed;
  }
  const before = await lstat(file.path, { bigint: true }).catch(() => null);
  if (before === null || !isOfItsTime(before, file)) return 'elsewhere';
  await rename(file.path, captured);
  const untouched = mark !== null && isUnchanged(mark, before);
  if (untouched && isOnlyRenamed(before, await lstat(captured, { bigint: true }))) {
    await unlink(captured);
    return 'removed';
  }
  return (await judge(captured, { ...file, compressed: null }, signal)) ?? 'elsewhere';
}

async function removeElsewhere(folder: string, file: ArchivedFile, signal: AbortSignal): Promise<Removal> {
  const captured = path.join(folder, capturedName(file));
  for (const { place, compressed } of await candidates(folder, file)) {
    await rename(place, captured);
    const removed = await judge(captured, { ...file, path: place, compressed }, signal);
    if (removed !== null) return removed;
  }
  return 'gone';
}

/** Removes the captured file when it is the archived one; otherwise gives it its name back and returns null. */
async function judge(
  captured: string,
  file: ArchivedFile & Pick<Candidate, 'compressed'>,
  signal: AbortSignal,
): Promise<Removal | null> {
  const same = await holds(captured, file, file.compressed, signal).catch((error: unknown) => {
    if (error instanceof UnsafeFile) return false;
    throw error;
  });
  if (same) {
    await unlink(captured);
    return 'removed';
  }
  try {
    // Unlike rename(2), link(2) replaces nothing.
    await link(captured, file.path);
    await unlink(captured);
    return null;
  } catch {
    // A folder has one name only.
    if (!(await isThere(file.path))) {
      await rename(captured, file.path);
      return null;
    }
    return { kept: `${captured} is another file than the one archived, and its name ${file.path} is taken by now` };
  }
}

/** Is it the archived file, or what a rotation has compressed from it since? */
async function holds(
  place: string,
  file: ArchivedFile,
  compressed: string | null,
  signal: AbortSignal,
): Promise<boolean> {
  await using handle = await openSafely(place);
  const { size } = await handle.stat();
  if (compressed === null && size !== file.bytes) return false;
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of compressed === null ? contentOf(handle) : unpacked(handle, compressed, signal)) {
      signal.throwIfAborted();
      bytes += chunk.length;
      if (bytes > file.bytes) return false;
      hash.update(chunk);
    }
  } catch (error) {
    if (error instanceof DamagedArchive) return false;
    throw error;
  }
  return bytes === file.bytes && hash.digest('hex') === file.sha256;
}

/** A chunk is gone once the next one is asked for; that one is read meanwhile. */
async function* contentOf(handle: FileHandle): AsyncGenerator<Buffer> {
  const buffers = [takeBuffer(chunkBytes), takeBuffer(chunkBytes)] as const;
  const read = async (index: number, position: number): Promise<Buffer> => {
    const buffer = buffers[index % 2 === 0 ? 0 : 1];
    return buffer.subarray(0, (await handle.read(buffer, 0, buffer.length, position)).bytesRead);
  };
  let next = read(0, 0);
  try {
    for (let index = 1, position = 0; ; index += 1) {
      const chunk = await next;
      if (chunk.length === 0) return;
      position += chunk.length;
      next = read(index, position);
      // Awaited later.
      next.catch(() => undefined);
      yield chunk;
    }
  } finally {
    await next.catch(() => undefined);
    buffers.forEach(giveBuffer);
  }
}

interface Candidate {
  readonly place: string;
  /** Ending of the compression; null = it is as it was. */
  readonly compressed: string | null;
}

function isOfItsTime(stats: BigIntStats, file: ArchivedFile): boolean {
  return stats.isFile() && new Date(Number(stats.mtimeMs)).toISOString() === file.modifiedAt;
}

/** Names of its time: a rotation in between has given it the next number, or compressed it. */
async function candidates(folder: string, file: ArchivedFile): Promise<readonly Candidate[]> {
  const found: Candidate[] = [];
  const wanted = numberless(path.basename(file.path));
  for (const name of await readdir(folder)) {
    const place = path.join(folder, name);
    const { plainPath, ending } = withoutEnding(name);
    const plain = numberless(name) === wanted;
    if (place === file.path || (!plain && (ending === null || numberless(plainPath) !== wanted))) continue;
    const stats = await lstat(place, { bigint: true }).catch(() => null);
    if (stats !== null && isOfItsTime(stats, file)) found.push({ place, compressed: plain ? null : ending });
  }
  return found;
}

/** `app.log.5.gz` and `app.log.6.gz` are the same but for their number. */
function numberless(name: string): string {
  return name.replace(/\.\d{1,5}(?=$|\.[A-Za-z]+)/, '.#');
}

function capturedName(file: ArchivedFile): string {
  const id = createHash('sha256').update(file.path).update(file.sha256).digest('hex').slice(0, 16);
  return `.upkeep-archived-${id}`;
}

/** Of the compression, by the first bytes of the file. */
async function endingIn(place: string): Promise<string | null> {
  try {
    await using handle = await openSafely(place);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(magicBytes), 0, magicBytes, 0);
    const packing = packingOf(buffer.subarray(0, bytesRead));
    return packing === null ? null : endingOf(packing);
  } catch (error) {
    if (error instanceof UnsafeFile) return null;
    throw error;
  }
}

async function isThere(place: string): Promise<boolean> {
  return await lstat(place).then(
    () => true,
    (error: unknown) => {
      if (isMissing(error)) return false;
      throw error;
    },
  );
}

function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}
