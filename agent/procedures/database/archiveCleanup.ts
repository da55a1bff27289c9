/** Removes archived WAL that neither the retention nor a backup needs, and proves that it is gone. */
import { lstat, readdir, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ProcedureContext } from '../define.ts';
import { totalBytes } from '../totalBytes.ts';
import { secondsSince, type Action } from './actions.ts';
import { planArchiveCleanup, segmentPosition, backupStart, type ArchivedFile } from './archivePlan.ts';
import { bytesText } from './bytesText.ts';
import { errorMessage } from './connectionProblem.ts';

/** Null when there was nothing to do, or the folder can not be used (a finding says so). `retention` in ms. */
export async function cleanArchive(
  context: ProcedureContext,
  directory: string,
  retention: number,
): Promise<Action | null> {
  const files = await readArchive(context, directory);
  if (files === null) return null;
  const plan = planArchiveCleanup(files, new Date(context.now().getTime() - retention));
  if (plan.heldByBackup !== null) {
    context.finding({
      level: 'info',
      code: 'database.archive',
      subject: directory,
      message:
        `Archived WAL in ${directory} older than wal_retention stays for the backup that starts with ${plan.heldByBackup.slice(0, 24)}; ` +
        `remove ${plan.heldByBackup} once that backup is gone.`,
    });
  }
  if (plan.remove.length === 0) {
    context.print(`${directory}: ${plan.keep} archived WAL files, none to remove`);
    return null;
  }
  const base = {
    database: '',
    statement: `remove archived WAL before ${plan.boundary ?? 'the retention'}`,
    relation: directory,
    before: { files: plan.remove.length + plan.keep, bytes: sizeOf(files) },
  };
  if (context.dryRun) {
    for (const file of plan.remove)
      context.print(`would remove: ${join(directory, file.name)} (${bytesText(file.bytes)})`);
    return { ...base, seconds: 0, status: 'planned', reason: null, after: {}, verified: false };
  }
  return remove(context, directory, plan.remove, base);
}

async function remove(
  context: ProcedureContext,
  directory: string,
  files: readonly ArchivedFile[],
  base: Pick<Action, 'database' | 'statement' | 'relation' | 'before'>,
): Promise<Action> {
  const start = performance.now();
  const problems: string[] = [];
  for (const [index, file] of files.entries()) {
    context.signal.throwIfAborted();
    await unlink(join(directory, file.name)).catch((error: unknown) => problems.push(errorMessage(error)));
    context.progress({ done: index + 1, total: files.length, unit: 'WAL files', message: file.name });
  }
  const left = (await readArchive(context, directory)) ?? [];
  const names = new Set(left.map((file) => file.name));
  const remaining = files.filter((file) => names.has(file.name));
  const verified = remaining.length === 0;
  const removed = files.filter((file) => !names.has(file.name));
  context.print(`${directory}: ${removed.length} archived WAL files removed, ${bytesText(sizeOf(removed))}`);
  if (!verified) {
    context.finding({
      level: 'warning',
      code: 'database.archive',
      subject: directory,
      message: `${remaining.length} archived WAL files could not be removed (${problems[0] ?? 'still there'}); give this user the right to write in ${directory}.`,
      value: remaining.length,
      unit: 'files',
    });
  }
  const segments = left.filter((file) => segmentPosition(file.name) !== null);
  return {
    ...base,
    seconds: secondsSince(start),
    status: verified ? 'done' : 'failed',
    reason: problems[0] ?? null,
    after: { files: segments.length, bytes: sizeOf(left) },
    verified,
  };
}

/** Regular files that belong to WAL archiving, links not followed; null with a finding where the folder is of no use. */
async function readArchive(context: ProcedureContext, directory: string): Promise<ArchivedFile[] | null> {
  const refuse = (message: string): null => {
    context.finding({ level: 'critical', code: 'database.archive', subject: directory, message });
    return null;
  };
  let names: string[];
  try {
    names = await readdir(directory);
    const beside = await readdir(dirname(directory)).catch((): string[] => []);
    if (names.includes('archive_status') || names.includes('PG_VERSION') || beside.includes('PG_VERSION')) {
      return refuse(
        `${directory} is part of a PostgreSQL data folder, nothing was removed: set database.archive_directory to the folder that archive_command writes to.`,
      );
    }
  } catch (error) {
    return refuse(
      `The folder of archived WAL can not be read (${errorMessage(error)}): correct database.archive_directory, or give this user the right to it.`,
    );
  }
  const files: ArchivedFile[] = [];
  for (const name of names) {
    if (segmentPosition(name) === null && backupStart(name) === null) continue;
    const status = await lstat(join(directory, name)).catch(() => null);
    if (status?.isFile() === true) files.push({ name, bytes: status.size, modified: status.mtime });
  }
  return files;
}

function sizeOf(files: readonly ArchivedFile[]): number {
  return totalBytes(files.filter((file) => segmentPosition(file.name) !== null));
}
