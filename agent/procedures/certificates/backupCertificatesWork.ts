/** The work of `backup-certificates`. */
import { dirname, resolve } from 'node:path';
import * as z from 'zod';
import type { BackupSettings } from '../../config/certificates.ts';
import { formatBytes, formatDuration } from '../../config/units.ts';
import type { Finding } from '../../protocol/nouns.ts';
import { counted } from '../counted.ts';
import { outcomeOf, type ProcedureContext, type ProcedureResult } from '../define.ts';
import type { BackupCertificatesOptions } from './backupCertificates.ts';
import { listsText } from './accessLists.ts';
import { isWithin, linkDestination } from './backupEntries.ts';
import { backupRoots } from './backupRoots.ts';
import {
  inStore,
  labelOf,
  listArchives,
  problemText,
  pruneArchives,
  StoreProblem,
  surplusOf,
  writeArchive,
} from './backupStore.ts';
import { type ScannedTree, scanTree } from './backupTree.ts';
import { verifyArchives } from './backupVerify.ts';
import { reportRecovery } from './restoreReport.ts';
import { interrupted, recover } from './restoreSwitch.ts';

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
  /** With --verify: the archives that were read, and what is wrong with them; null = nothing. */
  verified: z.array(z.object({ archive: z.string(), problem: z.string().nullable() })),
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
  const none = {
    archive: null,
    bytes: 0,
    encrypted: backup.encrypt !== undefined,
    roots: [],
    files: 0,
    links: 0,
    removed: [],
    verified: [],
  };
  try {
    if (given.verify) {
      const verified = await verifyArchives(destination, backup.encrypt?.passphrase, context, finding);
      const damaged = verified.some(({ problem }) => problem !== null);
      return { outcome: damaged ? 'failed' : outcomeOf(findings, 'unchanged'), part: { ...none, verified } };
    }
    // In the middle of a restore a folder may be away for a moment: that is for its next run to finish, before it is missed.
    if (!context.dryRun && (await interrupted(destination)) !== null) {
      await inStore(destination, async () => {
        reportRecovery(await recover(destination), finding);
      });
    }
    const roots = await rootsOf(backup, destination, finding);
    if (roots === null) return { outcome: 'failed', part: none };
    const done = context.dryRun
      ? await plan(roots, destination, context)
      : await inStore(destination, () => write({ date: given.date, destination, roots, context, finding }));
    const outcome = outcomeOf(findings, context.dryRun ? 'unchanged' : 'changed');
    return { outcome, part: { ...none, roots: [...roots], ...done } };
  } catch (error) {
    const message = problemText(error);
    if (message === null) throw error;
    finding({ level: 'critical', code: 'certificates.backup', subject: destination, message });
    return { outcome: 'failed', part: none };
  }
}

/** Null when there is nothing to keep. Throws StoreProblem where the archives would be among what they keep. */
async function rootsOf(
  backup: BackupSettings,
  destination: string,
  finding: (one: Finding) => void,
): Promise<readonly string[] | null> {
  const { present, missing } = await backupRoots(backup.paths);
  for (const path of missing) {
    const message = `${path} is not there and not in the backup; correct certificates.backup.paths.`;
    const level = present.length === 0 ? 'critical' : 'warning';
    finding({ level, code: 'certificates.source', subject: path, message });
  }
  if (present.some((root) => root === '/' || isWithin(destination, [root]))) {
    throw new StoreProblem(
      `${destination} lies inside of what it keeps; give certificates.backup.destination another place.`,
    );
  }
  return present.length === 0 ? null : present;
}

async function write(given: {
  readonly date: string | undefined;
  readonly destination: string;
  readonly roots: readonly string[];
  readonly context: ProcedureContext;
  readonly finding: (one: Finding) => void;
}) {
  const { date, destination, roots, context, finding } = given;
  const { backup } = context.config.certificates;
  reportRecovery(await recover(destination), finding);
  const now = context.now();
  const written = await writeArchive({
    destination,
    kind: 'certificates',
    label: date ?? labelOf(now),
    roots,
    passphrase: backup.encrypt?.passphrase,
    now,
    signal: context.signal,
  });
  tellOfTree(written.tree, roots, finding);
  const [first] = written.listed;
  if (first !== undefined) {
    const message = `${listsText(written.listed)}, which the backup does not hold: a restore gives their group no rights, and the others have to be given again; keep a copy of them (getfacl -R -p), or use owners and groups.`;
    finding({ level: 'warning', code: 'certificates.backup', subject: first, message });
  }
  const removed = await pruneArchives(destination, 'certificates', { ...backup, now }, written.file);
  const { file: archive, bytes } = written;
  const counts = countsOf(written.tree);
  context.print(`${archive}: ${countText(counts)}, ${formatBytes(bytes)}, read back and compared`);
  for (const old of removed) context.print(`removed ${old}, since ${keptText(backup)} are kept`);
  return { ...counts, archive, bytes, removed };
}

async function plan(roots: readonly string[], destination: string, context: ProcedureContext) {
  const { backup } = context.config.certificates;
  const counts = countsOf(await scanTree(roots, context.signal));
  context.print(`would write an archive of ${roots.join(', ')} (${countText(counts)}) to ${destination}`);
  const archives = await listArchives(destination, 'certificates');
  for (const { file } of surplusOf(archives, { ...backup, now: context.now() }, 1)) {
    context.print(`would remove ${file}, since ${keptText(backup)} are kept`);
  }
  return counts;
}

function keptText({ keep, keep_for: keepFor }: BackupSettings): string {
  return `${counted(keep, 'archive')}${keepFor === undefined ? '' : ` of the last ${formatDuration(keepFor)}`}`;
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
