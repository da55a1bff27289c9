/** The work of `restore-certificates`: read and check all of the archive, keep what is there, make the new beside it, switch, look. */
import { resolve } from 'node:path';
import * as z from 'zod';
import type { Finding } from '../../protocol/nouns.ts';
import { outcomeOf, type ProcedureContext, type ProcedureResult } from '../define.ts';
import { type BackupEntry, isWithin, linkDestination, shownName } from './backupEntries.ts';
import { backupRoots, isMountPoint } from './backupRoots.ts';
import {
  inStore,
  labelOf,
  listArchives,
  problemText,
  pruneArchives,
  readArchive,
  StoreProblem,
  writeArchive,
} from './backupStore.ts';
import { compareTrees, type Difference, type ScannedTree, scanTree } from './backupTree.ts';
import type { RestoreCertificatesOptions } from './restoreCertificates.ts';
import { reportRecovery } from './restoreReport.ts';
import { tellOfAge } from './restoreAge.ts';
import { archiveLines, archivesIn, listedArchive } from './restoreList.ts';
import { lookAtLists, refuseUnkeepable, tellOfRights, tellOfServices } from './restoreRights.ts';
import { domainScope, type Scope, wholeScope } from './restoreScope.ts';
import { lookAt, stage } from './restoreStage.ts';
import { clean, interrupted, placeFor, recover, stagedRoot, switchOver, writeJournal } from './restoreSwitch.ts';

export const part = z.object({
  archive: z.string().nullable(),
  /** Archive of what was there before; null when nothing was, or nothing was changed. */
  undo: z.string().nullable(),
  roots: z.array(z.string()),
  /** Paths by what a restore does (with --dry-run: would do) to them. */
  added: z.array(z.string()),
  changed: z.array(z.string()),
  removed: z.array(z.string()),
  /** With --list: what can be restored, backups before what restores replaced, the oldest first. */
  archives: z.array(listedArchive),
});
export type RestoreCertificatesPart = z.infer<typeof part>;

/** Of a run that touches the host. */
interface Restore {
  readonly options: RestoreCertificatesOptions;
  readonly destination: string;
  /** May owners be given? */
  readonly owners: boolean;
  readonly context: ProcedureContext;
  readonly finding: (one: Finding) => void;
}

export async function run(
  options: RestoreCertificatesOptions,
  context: ProcedureContext,
): Promise<ProcedureResult<RestoreCertificatesPart>> {
  const { backup } = context.config.certificates;
  const destination = options.destination === undefined ? backup.destination : resolve(options.destination);
  const findings: Finding[] = [];
  const finding = (one: Finding): void => {
    findings.push(one);
    context.finding(one);
  };
  const restore: Restore = { options, destination, owners: process.geteuid?.() === 0, context, finding };
  const nothing = { archive: null, undo: null, roots: [], added: [], changed: [], removed: [], archives: [] };
  try {
    if (options.list) {
      const archives = await archivesIn(destination);
      for (const line of archiveLines(destination, archives)) context.print(line);
      return { outcome: 'unchanged', part: { ...nothing, archives } };
    }
    const done = context.dryRun
      ? await plan(restore)
      : await inStore(destination, async () => {
          reportRecovery(await recover(destination), finding);
          return await carryOut(restore);
        });
    const changed = !context.dryRun && differencesOf(done) > 0;
    return { outcome: outcomeOf(findings, changed ? 'changed' : 'unchanged'), part: done };
  } catch (error) {
    // The switch is not stopped on its way, so this is from before it.
    if (context.signal.aborted && error === context.signal.reason) {
      context.print('stopped before anything was changed: the certificates are as they were');
    }
    const message = problemText(error);
    if (message === null) throw error;
    finding({ level: 'critical', code: 'certificates.restore', subject: destination, message });
    return { outcome: 'failed', part: nothing };
  }
}

interface Prepared {
  readonly file: string;
  readonly scope: Scope;
  readonly current: ScannedTree;
  readonly part: RestoreCertificatesPart;
}

async function plan(restore: Restore): Promise<RestoreCertificatesPart> {
  const { context, destination } = restore;
  const open = await interrupted(destination);
  if (open !== null) context.print(`would first undo or finish the interrupted restore of ${open.archive}`);
  const { part: planned, file } = await prepare(restore);
  context.print(`would restore ${whatOf(restore, planned)} from ${file}:`);
  for (const kind of ['added', 'changed', 'removed'] as const) {
    for (const path of planned[kind]) context.print(`  ${kind}: ${path}`);
  }
  if (differencesOf(planned) === 0) context.print('  nothing: everything is as the archive has it');
  return planned;
}

function whatOf({ options: { domain } }: Restore, { roots }: RestoreCertificatesPart): string {
  return `${domain === undefined ? '' : `what is of ${domain} in `}${roots.join(', ')}`;
}

async function carryOut(restore: Restore): Promise<RestoreCertificatesPart> {
  const { context, destination, owners } = restore;
  const { signal } = context;
  const prepared = await prepare(restore);
  const { file, scope, current, part: planned } = prepared;
  const { wanted } = scope;
  if (differencesOf(planned) === 0) {
    context.print(`${planned.roots.join(', ')}: everything is as ${file} has it`);
    return planned;
  }
  const undo = await keepCurrent(restore, prepared);
  const places = planned.roots.map(placeFor);
  await writeJournal(destination, { phase: 'staging', archive: file, places });
  try {
    await stage(scope.contents(), places, owners, signal);
    refuseDifferences(
      await lookAt(wanted, places, stagedRoot, owners, signal),
      'could not be made as the archive has it',
    );
    const since = compareTrees(current.entries, (await scanTree(planned.roots, signal)).entries, true);
    refuseDifferences(since, 'changed during the restore, which was given up; run it again');
  } catch (error) {
    await clean(destination, places);
    throw error;
  }
  await writeJournal(destination, { phase: 'switching', archive: file, places });
  const setAside = await switchOver(destination, places);
  reportRecovery(
    setAside.length === 0 ? null : { kind: 'finished', archive: file, roots: planned.roots, setAside },
    restore.finding,
  );
  const wrong = await lookAt(wanted, places, ({ root }) => root, owners, new AbortController().signal);
  refuseDifferences(wrong, `is not as the archive has it; what was there before is in ${undo ?? 'no archive'}`);
  context.print(`restored ${whatOf(restore, planned)} from ${file}; ${wanted.length} entries compared`);
  if (undo !== null) context.print(`what was there before is in ${undo}`);
  await tellOfServices(planned.roots, restore);
  return { ...planned, undo };
}

/** Everything that can refuse a restore, before anything is changed. */
async function prepare(restore: Restore): Promise<Prepared> {
  const { context, options, owners } = restore;
  const { backup } = context.config.certificates;
  const file = await chooseArchive(restore);
  const archive = await readArchive(file, backup.encrypt?.passphrase);
  const { roots: stored } = archive.manifest;
  const allowed = new Set([...backup.paths, ...(await backupRoots(backup.paths)).present]);
  for (const root of stored) {
    if (!allowed.has(root)) {
      throw new StoreProblem(
        `The archive ${file} can not be restored: ${shownName(root)} is none of certificates.backup.paths.`,
      );
    }
    if (await isMountPoint(root)) {
      throw new StoreProblem(
        `${root} is a mount point and can not be replaced as a whole; list the folders in it in certificates.backup.paths, and back them up.`,
      );
    }
  }
  const { domain } = options;
  const everything = await scanTree(stored, context.signal);
  const scope = domain === undefined ? wholeScope(archive) : domainScope(file, domain, archive, everything.entries);
  const { roots, chosen, wanted } = scope;
  const current = within(everything, roots);
  if (domain !== undefined) await refuseUnkeepable(current.entries, owners);
  const [unkept] = current.leftOut;
  if (unkept !== undefined) {
    throw new StoreProblem(
      `${shownName(unkept.path)} would be lost, since no archive can keep it: ${unkept.why}; move it away first.`,
    );
  }
  if (options.outsideLinks !== true) refuseOutsideLinks(file, chosen, stored, everything.entries);
  await tellOfRights(chosen, archive.manifest.host, restore);
  const differences = compareTrees(wanted, current.entries, owners);
  const paths = (kind: Difference['kind']): string[] =>
    differences.filter((one) => one.kind === kind).map(({ path }) => path);
  const [added, changed, removed] = [paths('missing'), paths('differs'), paths('surplus')];
  if (differences.length > 0) await lookAtLists(current.entries, domain, restore);
  if (differences.length > 0) await tellOfAge(scope.contents(), current.entries, context.now(), restore.finding);
  return {
    file,
    scope,
    current,
    part: { archive: file, undo: null, roots: [...roots], added, changed, removed, archives: [] },
  };
}

function within({ entries, leftOut }: ScannedTree, roots: readonly string[]): ScannedTree {
  const isThere = ({ path }: { readonly path: string }): boolean => isWithin(path, roots);
  return { entries: entries.filter(isThere), leftOut: leftOut.filter(isThere) };
}

async function chooseArchive({ options, destination }: Restore): Promise<string> {
  if (options.archive !== undefined) return resolve(options.archive);
  const kind = options.undo === true ? 'undo' : 'certificates';
  const archives = await listArchives(destination, kind);
  const { date } = options;
  const ofDate = archives.filter(({ label }) => date === undefined || label.startsWith(date));
  // What has just this name can be called by no other.
  const wanted = ofDate.find(({ label }) => label === date) ?? ofDate.at(-1);
  if (wanted !== undefined) return wanted.file;
  const what = kind === 'undo' ? 'undo archive' : 'backup';
  const there = archives.map(({ label }) => label);
  throw new StoreProblem(
    `There is no ${what} ${date === undefined ? '' : `of ${date} `}in ${destination}; ${
      there.length > 0
        ? `there are: ${there.slice(-20).join(', ')}`
        : kind === 'undo'
          ? 'each restore leaves one'
          : 'make one with backup-certificates'
    }.`,
  );
}

/** A link to a place outside would make the next deployment write there: only one that is there already is made again. */
function refuseOutsideLinks(
  file: string,
  entries: readonly BackupEntry[],
  roots: readonly string[],
  current: readonly BackupEntry[],
): void {
  const there = new Map(current.map((entry) => [entry.path, entry]));
  for (const entry of entries) {
    if (entry.type !== 'link' || isWithin(linkDestination(entry.path, entry.target), roots)) continue;
    const own = there.get(entry.path);
    if (own?.type === 'link' && own.target === entry.target) continue;
    throw new StoreProblem(
      `The archive ${file} can not be restored: the entry ${shownName(entry.path)} is a symbolic link out of the certificate folders, to ${shownName(entry.target)}; give --outside-links if it should be.`,
    );
  }
}

/** Archive of what is there now; null when nothing is. */
async function keepCurrent(
  { context, destination }: Restore,
  { current, part: { roots } }: Prepared,
): Promise<string | null> {
  if (current.entries.length === 0) return null;
  const { encrypt, ...retention } = context.config.certificates.backup;
  const present = roots.filter((root) => current.entries.some(({ path }) => path === root));
  const now = context.now();
  const { passphrase } = encrypt ?? {};
  const about = { destination, roots: present, passphrase, now, signal: context.signal };
  const { file, tree } = await writeArchive({ ...about, kind: 'undo', label: await freeLabel(destination, now) });
  refuseDifferences(
    compareTrees(current.entries, tree.entries, true),
    'changed during the restore, which was given up; run it again',
  );
  await pruneArchives(destination, 'undo', { ...retention, now }, file);
  return file;
}

/** Two restores in one second each keep what they replace. */
async function freeLabel(destination: string, now: Date): Promise<string> {
  const taken = new Set((await listArchives(destination, 'undo')).map(({ label }) => label));
  let at = now;
  while (taken.has(labelOf(at))) at = new Date(at.getTime() + 1000);
  return labelOf(at);
}

function refuseDifferences(differences: readonly Difference[], what: string): void {
  const [first] = differences;
  if (first !== undefined) throw new StoreProblem(`${first.path} ${what}.`);
}

function differencesOf({ added, changed, removed }: RestoreCertificatesPart): number {
  return added.length + changed.length + removed.length;
}
