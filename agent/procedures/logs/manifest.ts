/**
 * What an archive holds. `NAME.tar.zst` has its manifest `NAME.json` beside it. While `.NAME.pending.json` has that place, originals
 * are still being removed; an archive that is being written is `.NAME.tar.zst.upkeep`.
 */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import { readIfThere } from '../../readIfThere.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const archivedFile = z.strictObject({
  /** Where it was. */
  path: z.string(),
  /** What it is called in the archive. */
  name: z.string(),
  bytes: z.int().min(0),
  modifiedAt: z.iso.datetime(),
  mode: z.int(),
  uid: z.int(),
  gid: z.int(),
  sha256,
});
export type ArchivedFile = z.infer<typeof archivedFile>;

export const manifest = z.strictObject({
  version: z.literal(1),
  /** Name of the archive beside the manifest. */
  archive: z.string().regex(/^[^/\0]+$/),
  compression: z.enum(['zstd', 'gzip']),
  createdAt: z.iso.datetime(),
  /** Of the archive itself. */
  bytes: z.int().min(0),
  sha256,
  files: z.array(archivedFile),
});
export type Manifest = z.infer<typeof manifest>;

/** Paths of one archive in all its states. */
export interface ArchivePlaces {
  readonly archive: string;
  readonly manifest: string;
  readonly pending: string;
  readonly temporary: string;
}

const prefixes = ['logs', 'audit'] as const;
export type ArchivePrefix = (typeof prefixes)[number];

/** `logs-2026-11-25T201500Z`, with `-2` and so on where several are made in one second. */
const stemPattern = String.raw`(?:${prefixes.join('|')})-\d{4}-\d{2}-\d{2}T\d{6}Z(?:-\d{1,6})?`;
const archivePattern = new RegExp(String.raw`^(${stemPattern})\.tar\.(zst|gz)$`);

export function placesOf(folder: string, archive: string): ArchivePlaces {
  const stem = stemOf(archive) ?? archive;
  const place = (name: string): string => path.join(folder, name);
  return {
    archive: place(archive),
    manifest: place(`${stem}.json`),
    pending: place(`.${stem}.pending.json`),
    temporary: place(`.${archive}.upkeep`),
  };
}

/** A name that no archive of the folder has. */
export async function freshName(folder: string, prefix: ArchivePrefix, at: Date, ending: string): Promise<string> {
  const names = await readdir(folder);
  const stem = `${prefix}-${at.toISOString().slice(0, 19).replaceAll(':', '')}Z`;
  for (let count = 1; ; count += 1) {
    const candidate = count === 1 ? stem : `${stem}-${count}`;
    const taken = names.some(
      (name) => name === `${candidate}.json` || name.replace(/^\./, '').startsWith(`${candidate}.`),
    );
    if (!taken) return `${candidate}.tar${ending}`;
  }
}

export interface FolderContents {
  /** Archives with or without a manifest, oldest first. */
  readonly archives: readonly string[];
  /** Manifests whose archive is gone, or was taken elsewhere. */
  readonly alone: readonly string[];
  /** Archives of which originals may still be there. */
  readonly pending: readonly string[];
  /** What an interrupted run left half-written. */
  readonly halves: readonly string[];
}

export async function contentsOf(folder: string): Promise<FolderContents> {
  const names = (await readdir(folder)).sort();
  const matching = (pattern: RegExp): string[] => names.filter((name) => pattern.test(name));
  const archives = matching(archivePattern);
  const stems = new Set(archives.map(stemOf));
  return {
    archives,
    alone: matching(new RegExp(String.raw`^${stemPattern}\.json$`)).filter((name) => !stems.has(name.slice(0, -5))),
    pending: matching(new RegExp(String.raw`^\.${stemPattern}\.pending\.json$`)),
    halves: matching(
      new RegExp(
        String.raw`^\.${stemPattern}\.tar\.(?:zst|gz)\.upkeep$|^\.\.?${stemPattern}(?:\.pending)?\.json\.[0-9a-f]{12}$`,
      ),
    ),
  };
}

/** Part of the name before `.tar.zst`; null when it is no name of an archive. */
export function stemOf(archive: string): string | null {
  return archivePattern.exec(archive)?.[1] ?? null;
}

/** Null when it is missing; throws when it is damaged. */
export async function readManifest(file: string): Promise<Manifest | null> {
  const text = await readIfThere(file);
  if (text === null) return null;
  try {
    return manifest.parse(JSON.parse(text));
  } catch (cause) {
    throw new Error(`${file} is no manifest of an archive, or damaged.`, { cause });
  }
}

/** The manifest beside the archive, also while its originals are still being removed. Throws when it is damaged. */
export async function manifestOf(archive: string): Promise<Manifest | null> {
  const places = placesOf(path.dirname(archive), path.basename(archive));
  return (await readManifest(places.manifest)) ?? (await readManifest(places.pending));
}
