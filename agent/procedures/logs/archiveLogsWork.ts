/** The work of `archive-logs`. */
import * as z from 'zod';
import type { Finding } from '../../protocol/nouns.ts';
import { outcomeOf } from '../define.ts';
import { remembering } from '../remembering.ts';
import type { ProcedureContext, ProcedureResult } from '../define.ts';
import type { ArchiveLogsOptions } from './archiveLogs.ts';
import { archiveNow } from './archiveRun.ts';
import { listArchives, restoreArchive, verifyArchives } from './archiveLook.ts';
import { FolderProblem, troubleIn } from './archiveFolder.ts';
import { chooseArchive } from './archiveSettings.ts';

export const part = z.object({
  archives: z.array(
    z.object({
      path: z.string(),
      /** `planned` only with --dry-run; `finished` was begun by an interrupted run. */
      action: z.enum(['made', 'planned', 'finished', 'undone', 'deleted', 'listed', 'verified', 'damaged', 'restored']),
      files: z.int(),
      /** Of the originals; null when there is no manifest that says it. */
      originalBytes: z.number().nullable(),
      /** Of the archive; null when it is not there. */
      bytes: z.number().nullable(),
    }),
  ),
  files: z.array(
    z.object({
      path: z.string(),
      action: z.enum(['archived', 'planned', 'kept', 'refused', 'restored']),
      bytes: z.number(),
      reason: z.string().nullable(),
    }),
  ),
});
export type ArchiveLogsPart = z.infer<typeof part>;

export async function run(
  options: ArchiveLogsOptions,
  given: ProcedureContext,
): Promise<ProcedureResult<ArchiveLogsPart>> {
  const { context, findings } = remembering(given);
  try {
    refuseContradiction(options);
    const settings = await chooseArchive(options, context.config);
    if (options.list) return look(await listArchives(settings, context), findings);
    if (options.verify) return look(await verifyArchives(settings, context), findings);
    if (options.restore !== undefined) {
      const part = await restoreArchive(settings, options.restore, options.to, context);
      return { outcome: part.files.length > 0 && !context.dryRun ? 'changed' : 'unchanged', part };
    }
    const { part, failed } = await archiveNow(settings, context);
    const changed = part.archives.some(({ action }) => action !== 'planned');
    return { outcome: failed ? 'failed' : outcomeOf(findings, changed ? 'changed' : 'unchanged'), part };
  } catch (error) {
    const message = troubleIn(error);
    if (message === null) throw error;
    context.finding({ level: 'critical', code: 'logs.archive', subject: 'logs.archive', message });
    return { outcome: 'failed', part: { archives: [], files: [] } };
  }
}

/** Archiving what was only to be restored would be no small mistake. Throws FolderProblem. */
function refuseContradiction({ list, verify, restore, to }: ArchiveLogsOptions): void {
  if ([list, verify, restore !== undefined].filter(Boolean).length > 1)
    throw new FolderProblem('Give only one of --list, --verify and --restore; nothing was done.');
  if (to !== undefined && restore === undefined)
    throw new FolderProblem('--to needs --restore with the name of an archive, which --list shows; nothing was done.');
}

function look(part: ArchiveLogsPart, findings: readonly Finding[]): ProcedureResult<ArchiveLogsPart> {
  const damaged = part.archives.some(({ action }) => action === 'damaged');
  return { outcome: damaged ? 'failed' : outcomeOf(findings, 'unchanged'), part };
}
