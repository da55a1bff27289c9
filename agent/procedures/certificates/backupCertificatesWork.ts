/** The work of `backup-certificates`. */
import { dirname, resolve } from 'node:path';
import * as z from 'zod';
import { formatBytes } from '../../config/units.ts';
import type { Finding } from '../../protocol/nouns.ts';
import { counted } from '../counted.ts';
import { outcomeOf, type ProcedureContext, type ProcedureResult } from '../define.ts';
import type { BackupCertificatesOptions } from './backupCertificates.ts';
import { isWithin, linkDestination } from './backupEntries.ts';
import { backupRoots } from './backupRoots.ts';
import { inStore, labelOf, listArchives, problemText, pruneArchives, writeArchive } from './backupStore.ts';
import { type ScannedTree, scanTree } from './backupTree.ts';
import { backupKeys, tellMisread } from './misread.ts';
import { reportRecovery } from './restoreReport.ts';
import { recover } from './restoreSwitch.ts';

export const part = z.object({
  /** Null when none was written. */
  archive: z.string().nullable(),
  /** Of the archive; with --dry-run 0. */
  bytes: z.number(),
  encrypted: z.boolean(),
  roots: z.array(z.string()),
  files: z.int(),
  links: z.int(),
  /** Older archives that were deleted. */
  removed: z.array(z.string()),
});
export type BackupCertificatesPart = z.infer<typeof part>;

export async function run(
  given: BackupCertificatesOptions,
  context: ProcedureContext,
): Promise<ProcedureResult<BackupCertificatesPart>> {
  const { backup } = context.config.certificates;
  const destination = given.destination === undefined ? backup.destination : resolve(given.destination);
  const findings: Finding[] = [];
  const finding = (one: Finding): void => {
    findings.push(one);
    context.finding(one);
  };
  const { present, missing } = await backupRoots(backup.paths);
  const none = {
    archive: null,
    bytes: 0,
    encrypted: backup.encrypt !== undefined,
    roots: [...present],
    files: 0,
    links: 0,
    removed: [],
  };
  const failed = (message: string): ProcedureResult<BackupCertificatesPart> => {
    finding({ level: 'critical', code: 'certificates.backup', subject: destination, message });
    return { outcome: 'failed', part: none };
  };
  if (tellMisread({ config: context.config, finding }, backupKeys, 'certificates.backup') !== null) {
    return { outcome: 'failed', part: none };
  }
  for (const path of missing) {
    const message = `${path} is not there and not in the backup; correct certificates.backup.paths.`;
    finding({
      level: present.length === 0 ? 'critical' : 'warning',
      code: 'certificates.source',
      subject: path,
      message,
    });
  }
  if (present.length === 0) return { outcome: 'failed', part: none };
  if (present.some((root) => root === '/' || isWithin(destination, [root]))) {
    return failed(`${destination} lies inside of what it keeps; give certificates.backup.destination another place.`);
  }
  try {
    if (context.dryRun)
      return { outcome: 'unchanged', part: { ...none, ...(await plan(present, destination, context)) } };
    return await inStore(destination, async () => {
      reportRecovery(await recover(destination), finding);
      const now = context.now();
      const written = await writeArchive({
        destination,
        kind: 'certificates',
        label: given.date ?? labelOf(now),
        roots: present,
        passphrase: backup.encrypt?.passphrase,
        now,
        signal: context.signal,
      });
      tellOfTree(written.tree, present, finding);
      const removed = await pruneArchives(destination, 'certificates', backup.keep);
      const { file: archive, bytes } = written;
      const counts = countsOf(written.tree);
      context.print(`${archive}: ${countText(counts)}, ${formatBytes(bytes)}, read back and compared`);
      for (const old of removed) context.print(`removed ${old}, the oldest of more than ${backup.keep}`);
      return { outcome: outcomeOf(findings, 'changed'), part: { ...none, ...counts, archive, bytes, removed } };
    });
  } catch (error) {
    const problem = problemText(error);
    if (problem !== null) return failed(problem);
    throw error;
  }
}

async function plan(roots: readonly string[], destination: string, context: ProcedureContext) {
  const { keep } = context.config.certificates.backup;
  const counts = countsOf(await scanTree(roots, context.signal));
  context.print(`would write an archive of ${roots.join(', ')} (${countText(counts)}) to ${destination}`);
  const archives = await listArchives(destination, 'certificates');
  const surplus = archives.slice(0, Math.max(0, archives.length + 1 - keep));
  for (const { file } of surplus) context.print(`would remove ${file}`);
  return counts;
}

function countsOf({ entries }: ScannedTree): { readonly files: number; readonly links: number } {
  const count = (type: string): number => entries.filter((entry) => entry.type === type).length;
  return { files: count('file'), links: count('link') };
}

function countText({ files, links }: { readonly files: number; readonly links: number }): string {
  return `${counted(files, 'file')} and ${counted(links, 'symbolic link')}`;
}

/** What a backup does not hold, or what a restore would not give back. */
function tellOfTree(
  { entries, leftOut }: ScannedTree,
  roots: readonly string[],
  finding: (one: Finding) => void,
): void {
  for (const { path, why } of leftOut) {
    const message = `${JSON.stringify(path)} is not in the backup: ${why}.`;
    finding({ level: 'warning', code: 'certificates.backup', subject: dirname(path), message });
  }
  for (const entry of entries) {
    if (entry.type !== 'link' || isWithin(linkDestination(entry.path, entry.target), roots)) continue;
    const message = `${entry.path} leads to ${entry.target}, which is not in the backup; add its folder to certificates.backup.paths if it belongs to the certificates.`;
    finding({ level: 'info', code: 'certificates.backup', subject: entry.path, message });
  }
}
