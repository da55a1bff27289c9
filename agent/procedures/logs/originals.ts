/**
 * Removes files that an archive holds. Each is first renamed to a name of its own in its folder and looked at there: what a rotation
 * or an attacker put under the old name in the meantime is never removed, and goes back. Every step can be killed and repeated.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, lstat, readdir, rename, unlink } from 'node:fs/promises';
import path from 'node:path';
import { openSafely, UnsafeFile } from './archive.ts';
import { asUser } from './asUser.ts';
import { trustedAs } from './folderTrust.ts';
import type { ArchivedFile } from './manifest.ts';
import { DamagedArchive, unpacked } from './packers.ts';
import { withoutEnding } from './generations.ts';

/** `gone`: there is no such file any more. Otherwise why a file was kept. */
export type Removal = 'removed' | 'gone' | { readonly kept: string };

/** Removes the file wherever it is in its folder by now, if it is the one that was archived, to the last byte. */
export async function removeOriginal(file: ArchivedFile, signal: AbortSignal): Promise<Removal> {
  const folder = path.dirname(file.path);
  try {
    const trust = await trustedAs(folder);
    if (trust === 'untrusted') return { kept: `others can write to ${folder} by now` };
    return await asUser(trust, () => removeIn(folder, file, signal));
  } catch (error) {
    if (isMissing(error)) return 'gone';
    if (!(error instanceof Error) || !('code' in error || error instanceof UnsafeFile)) throw error;
    return { kept: error.message };
  }
}

async function removeIn(folder: string, file: ArchivedFile, signal: AbortSignal): Promise<Removal> {
  const captured = path.join(folder, capturedName(file));
  // What a killed run had in its hand comes first.
  if (await isThere(captured)) {
    const compressed = withoutEnding(file.path).ending === null ? await endingOf(captured) : null;
    const removed = await judge(captured, { ...file, compressed }, signal);
    if (removed !== null) return removed;
  }
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
  const content =
    compressed !== null
      ? unpacked(handle, compressed, signal)
      : createReadStream('', { fd: handle, autoClose: false, start: 0, highWaterMark: 1 << 20 });
  let bytes = 0;
  try {
    for await (const chunk of content as AsyncIterable<Buffer>) {
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

interface Candidate {
  readonly place: string;
  /** Ending of the compression; null = it is as it was. */
  readonly compressed: string | null;
}

/** The name that the file had; else those of its time: a rotation in between has given it the next number, or compressed it. */
async function candidates(folder: string, file: ArchivedFile): Promise<readonly Candidate[]> {
  const sameTime = async (place: string): Promise<boolean> => {
    const stats = await lstat(place).catch(() => null);
    return stats?.isFile() === true && new Date(stats.mtimeMs).toISOString() === file.modifiedAt;
  };
  if (await sameTime(file.path)) return [{ place: file.path, compressed: null }];
  const found: Candidate[] = [];
  const wanted = numberless(path.basename(file.path));
  for (const name of await readdir(folder)) {
    const place = path.join(folder, name);
    if (place === file.path || !(await sameTime(place))) continue;
    const { plainPath, ending } = withoutEnding(name);
    if (numberless(name) === wanted) found.push({ place, compressed: null });
    else if (ending !== null && numberless(plainPath) === wanted) found.push({ place, compressed: ending });
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

/** Of the compression by the first bytes of the file: RFC 1952 (2.3.1), RFC 8878 (3.1.1), the formats of xz and bzip2. */
async function endingOf(place: string): Promise<string | null> {
  const magic: readonly (readonly [string, string])[] = [
    ['1f8b', '.gz'],
    ['28b52ffd', '.zst'],
    ['fd377a585a00', '.xz'],
    ['425a68', '.bz2'],
  ];
  try {
    await using handle = await openSafely(place);
    const { buffer } = await handle.read(Buffer.alloc(6), 0, 6, 0);
    return magic.find(([begin]) => buffer.toString('hex').startsWith(begin))?.[1] ?? null;
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
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
