/** What lies beside a certificate file and belongs to it: its private key, and certbot's split-off chain. */
import type { X509Certificate } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { parseContents, type Reading } from './contents.ts';
import type { KeyState } from './keyState.ts';
import { readRegularFile } from './regularFile.ts';
import { certificateExtensions } from './sources.ts';

/** Names of the entries of a folder, each folder read once. */
export type Listing = (folder: string) => Promise<ReadonlySet<string>>;

export function createListing(): Listing {
  const known = new Map<string, Promise<ReadonlySet<string>>>();
  return (folder) => {
    let names = known.get(folder);
    if (names === undefined) {
      names = readdir(folder).then(
        (entries) => new Set(entries),
        // A folder that may be passed but not listed: then nothing is known of the neighbours.
        () => new Set<string>(),
      );
      known.set(folder, names);
    }
    return names;
  };
}

const worldReadable = 0o004;

/** Key of the certificate in `file`: in the file itself, under the same name, or as certbot's `privkey.pem`. */
export async function findKey(
  file: string,
  within: { readonly key: KeyInFile; readonly mode: number },
  listing: Listing,
  reading: Reading,
): Promise<KeyState> {
  if (within.key !== null) return keyState(file, within.key, within.mode, true);
  const candidate = keyCandidate(basename(file), await listing(dirname(file)));
  if (candidate === null) return { kind: 'none' };
  const path = join(dirname(file), candidate.name);
  try {
    return await readKey(path, candidate.belongs, reading);
  } catch {
    // Mostly root's alone, as it should be: the key stays unknown, which the record says.
    return { kind: 'none' };
  }
}

/** Key of the file `path`; `none` when it holds no key. Throws what reading and parsing it throw. */
export async function readKey(path: string, belongs: boolean, reading: Reading): Promise<KeyState> {
  const { bytes, mode } = await readRegularFile(path, reading.answering);
  const { key } = await parseContents(bytes, reading);
  return key === null ? { kind: 'none' } : keyState(path, key, mode, belongs);
}

/** certbot keeps `cert.pem` and `chain.pem` apart; services that take both serve them together. */
export async function chainBeside(
  file: string,
  listing: Listing,
  reading: Reading,
): Promise<readonly X509Certificate[]> {
  const number = /^cert(\d*)\.pem$/.exec(basename(file))?.[1];
  if (number === undefined) return [];
  const name = `chain${number}.pem`;
  if (!(await listing(dirname(file))).has(name)) return [];
  try {
    const { bytes } = await readRegularFile(join(dirname(file), name), reading.answering);
    return (await parseContents(bytes, reading)).certificates;
  } catch {
    return [];
  }
}

type KeyInFile = Awaited<ReturnType<typeof parseContents>>['key'];

function keyState(file: string, key: NonNullable<KeyInFile>, mode: number, belongs: boolean): KeyState {
  if (key.kind === 'encrypted') return { kind: 'encrypted', file };
  const exposed = !key.protected && (mode & worldReadable) !== 0;
  return { kind: 'plain', key: key.key, file, worldReadable: exposed, belongs };
}

function keyCandidate(name: string, names: ReadonlySet<string>): { name: string; belongs: boolean } | null {
  const stem = name.slice(0, name.length - extname(name).length);
  const number = /^(?:cert|fullchain)(\d*)\.pem$/.exec(name)?.[1];
  const sameName = [`${stem}.key`, `${name}.key`, `${stem}.key.pem`, `${stem}-key.pem`, `${stem}_key.pem`];
  const own = [...sameName, ...(number === undefined ? [] : [`privkey${number}.pem`])].find(
    (candidate) => candidate !== name && names.has(candidate),
  );
  if (own !== undefined) return { name: own, belongs: true };
  if (name === 'privkey.pem' || !names.has('privkey.pem')) return null;
  const certificates = [...names].filter(
    (other) => certificateExtensions.has(extname(other).toLowerCase()) && !/key|chain|^ca\b/i.test(other),
  );
  return { name: 'privkey.pem', belongs: certificates.length <= 1 && !/chain|^ca\b/i.test(name) };
}
