/** One archive of certificate folders: a tar with its manifest first, gzip, and encryption where a passphrase is given. */
import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { createGunzip, gzip } from 'node:zlib';
import { promisify } from 'node:util';
import { codeOf, messageOf } from '../../thrown.ts';
import {
  type BackupEntry,
  EntryTree,
  isWithin,
  limits,
  type Manifest,
  manifest as manifestSchema,
  manifestName,
  RefusedArchive,
  refuseName,
  shownName,
} from './backupEntries.ts';
import { decrypt, encrypt, isEncrypted } from './backupCipher.ts';
import { readPlainFile, sha256, TooMuch } from './backupTree.ts';
import { readTar, type TarEntry } from './tarReader.ts';
import { endOfArchive, padding, tarHeader } from './tarWriter.ts';

/** A file that changed between the look at the tree and its copy. */
export class TreeChanged extends Error {
  override readonly name = 'TreeChanged';
}

/** The bytes of an archive. Throws TreeChanged when the files are no longer those of `manifest`, TooMuch when they are too many. */
export async function packArchive(manifest: Manifest, passphrase: string | undefined): Promise<Buffer> {
  const text = Buffer.from(`${JSON.stringify(manifest, null, 1)}\n`);
  const about = { mode: 0o600, uid: 0, gid: 0, mtime: Math.floor(Date.parse(manifest.createdAt) / 1000), target: '' };
  const blocks = [
    tarHeader({ ...about, name: manifestName, type: 'file', size: text.length }),
    text,
    padding(text.length),
  ];
  for (const entry of manifest.entries) {
    blocks.push(tarHeader(headerOf(entry)));
    if (entry.type !== 'file') continue;
    const content = await readPlainFile(entry.path);
    if (sha256(content) !== entry.sha256) throw new TreeChanged(`${entry.path} changed while it was backed up.`);
    blocks.push(content, padding(content.length));
  }
  const packed = await promisify(gzip)(Buffer.concat([...blocks, endOfArchive]), { level: 6 });
  if (packed.length > limits.archive) throw new TooMuch(`The archive would have ${packed.length} bytes.`);
  return passphrase === undefined ? packed : await encrypt(packed, passphrase);
}

export interface OpenArchive {
  readonly manifest: Manifest;
  readonly encrypted: boolean;
  /** The entries with their contents, each one compared with the manifest before it is given out; again on each call. */
  readonly entries: () => AsyncGenerator<{ readonly entry: BackupEntry; readonly content: Buffer }>;
}

/**
 * Reads the whole of `bytes` once and gives it out only when all of it is as its manifest says. Throws RefusedArchive, whose
 * message goes on after `The archive … can not be restored: `.
 */
export async function openArchive(bytes: Buffer, passphrase: string | undefined): Promise<OpenArchive> {
  const encrypted = isEncrypted(bytes);
  if (encrypted && passphrase === undefined) {
    throw new RefusedArchive('it is encrypted; give its passphrase in certificates.backup.encrypt');
  }
  const packed = encrypted ? await decrypt(bytes, passphrase ?? '') : bytes;
  let manifest: Manifest | null = null;
  for await (const { manifest: first } of read(packed)) manifest ??= first;
  if (manifest === null) throw new RefusedArchive('it is empty');
  return {
    manifest,
    encrypted,
    entries: async function* () {
      for await (const { entry, content } of read(packed)) yield { entry, content };
    },
  };
}

async function* read(packed: Buffer) {
  const tree = new EntryTree();
  let manifest: Manifest | null = null;
  let position = 0;
  for await (const found of readTar(unzip(packed))) {
    if (manifest === null) {
      manifest = readManifest(found);
      continue;
    }
    tree.add(found.name, found.type);
    const entry = manifest.entries[position];
    if (entry === undefined || !isSame(entry, found)) {
      throw new RefusedArchive(`the entry ${shownName(found.name)} is not the one that its manifest names`);
    }
    position += 1;
    yield { manifest, entry, content: found.content };
  }
  if (manifest === null) throw new RefusedArchive('it is empty');
  const missing = manifest.entries[position];
  if (missing !== undefined) throw new RefusedArchive(`${shownName(missing.path)} of its manifest is missing in it`);
}

async function* unzip(packed: Buffer): AsyncGenerator<Buffer> {
  const source = Readable.from(pieces(packed));
  const unpacked = createGunzip();
  source.on('error', (error) => unpacked.destroy(error));
  source.pipe(unpacked);
  try {
    for await (const chunk of unpacked) yield chunk as Buffer;
  } catch (error) {
    if (codeOf(error).startsWith('Z_')) {
      throw new RefusedArchive(`it is no whole gzip file (${messageOf(error)})`);
    }
    throw error;
  } finally {
    source.destroy();
    unpacked.destroy();
  }
}

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let offset = 0; offset < bytes.length; offset += 65_536) yield bytes.subarray(offset, offset + 65_536);
}

function readManifest({ name, type, content }: TarEntry): Manifest {
  if (name !== manifestName || type !== 'file') {
    throw new RefusedArchive(
      `it begins with ${shownName(name)} and not with a manifest; it was not made by backup-certificates`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(content.toString('utf8'));
  } catch {
    throw new RefusedArchive('its manifest is not JSON');
  }
  const parsed = manifestSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new RefusedArchive(`its manifest is wrong at ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
  }
  checkManifest(parsed.data);
  return parsed.data;
}

/** Places and limits, before the first byte of a file is unpacked. */
function checkManifest({ roots, entries }: Manifest): void {
  if (entries.length > limits.entries) throw new RefusedArchive(`it has more than ${limits.entries} entries`);
  const seen = new Set<string>();
  let total = 0;
  for (const entry of entries) {
    const { path, type } = entry;
    refuseName(path.startsWith('/') ? path.slice(1) : `/${path}`);
    if (!isWithin(path, roots)) throw new RefusedArchive(`the entry ${shownName(path)} is outside of its folders`);
    if (!roots.includes(path) && !seen.has(posix.dirname(path))) {
      throw new RefusedArchive(`the folder of the entry ${shownName(path)} is not in it`);
    }
    seen.add(path);
    total += type === 'file' ? entry.size : 0;
    if (total > limits.total) throw new RefusedArchive(`its files have more than ${limits.total} bytes`);
  }
  for (const [index, root] of roots.entries()) {
    refuseName(root.startsWith('/') ? root.slice(1) : `/${root}`);
    if (!seen.has(root)) throw new RefusedArchive(`${shownName(root)} of its manifest is missing in it`);
    if (roots.some((other, at) => at !== index && isWithin(root, [other]))) {
      throw new RefusedArchive(`its manifest names ${shownName(root)} twice`);
    }
  }
}

function isSame(entry: BackupEntry, found: TarEntry): boolean {
  return (
    entry.path === `/${found.name}` &&
    entry.type === found.type &&
    entry.mode === found.mode &&
    (entry.type !== 'link' || entry.target === found.target) &&
    (entry.type !== 'file' || (entry.size === found.content.length && entry.sha256 === sha256(found.content)))
  );
}

function headerOf(entry: BackupEntry) {
  const { type, mode, uid, gid, mtime } = entry;
  const [size, target] = [entry.type === 'file' ? entry.size : 0, entry.type === 'link' ? entry.target : ''];
  return { name: entry.path.slice(1), type, mode, uid, gid, mtime, size, target };
}
