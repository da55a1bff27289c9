/** Looks whether old archives can still be restored: a disk that forgets bits tells nobody. */
import { basename } from 'node:path';
import { formatBytes } from '../../config/units.ts';
import { counted } from '../counted.ts';
import type { Finding } from '../../protocol/nouns.ts';
import type { ProcedureContext } from '../define.ts';
import { listArchives, problemText, readArchive } from './backupStore.ts';

export interface VerifiedArchive {
  readonly archive: string;
  /** A sentence; null = it can be restored. */
  readonly problem: string | null;
}

/** Reads each archive whole, as a restore does. Changes nothing, and takes no lock: an archive has its name once it is whole. */
export async function verifyArchives(
  destination: string,
  passphrase: string | undefined,
  { print, progress, signal }: ProcedureContext,
  finding: (one: Finding) => void,
): Promise<VerifiedArchive[]> {
  const archives = [...(await listArchives(destination, 'certificates')), ...(await listArchives(destination, 'undo'))];
  if (archives.length === 0) {
    const message = `There is no archive in ${destination}; make one with backup-certificates.`;
    finding({ level: 'warning', code: 'certificates.backup', subject: destination, message });
  }
  const verified: VerifiedArchive[] = [];
  for (const [index, { file }] of archives.entries()) {
    signal.throwIfAborted();
    progress({ done: index, total: archives.length, unit: 'archives', message: basename(file) });
    const problem = await problemOf(file, passphrase, print);
    if (problem !== null) {
      finding({ level: 'critical', code: 'certificates.backup', subject: file, message: problem });
    }
    verified.push({ archive: file, problem });
  }
  return verified;
}

async function problemOf(
  file: string,
  passphrase: string | undefined,
  print: (line: string) => void,
): Promise<string | null> {
  try {
    const { manifest } = await readArchive(file, passphrase);
    const files = manifest.entries.filter((entry) => entry.type === 'file');
    const bytes = files.reduce((sum, { size }) => sum + size, 0);
    print(
      `${file}: ${counted(files.length, 'file')}, ${formatBytes(bytes)}, of ${manifest.host}, as its manifest says`,
    );
    return null;
  } catch (error) {
    const problem = problemText(error);
    if (problem === null) throw error;
    return problem;
  }
}
