/** The work of `archive-audit-logs`: Upkeep's own log by copy (ownAuditLog.ts), rotated generations of configured ones by move. */
import * as z from 'zod';
import { outcomeOf } from '../define.ts';
import { remembering } from '../remembering.ts';
import type { ProcedureContext, ProcedureResult } from '../define.ts';
import type { ArchiveAuditLogsOptions } from './archiveAuditLogs.ts';
import { troubleIn } from './archiveFolder.ts';
import { part as archivePart } from './archiveLogsWork.ts';
import { archiveNow } from './archiveRun.ts';
import { chooseArchive } from './archiveSettings.ts';
import { parsePieceName } from './auditArchives.ts';
import { chainProblem } from './auditChain.ts';
import { OwnAuditLog } from './ownAuditLog.ts';

export const part = archivePart.extend({
  /** Null when there is no store. `due`: entries that this run archived, or that a dry run would archive. */
  audit: z
    .object({ entries: z.int(), brokenAt: z.int().nullable(), archivedThrough: z.int(), due: z.int() })
    .nullable(),
});
export type ArchiveAuditLogsPart = z.infer<typeof part>;

const dayMs = 86_400_000;

export async function run(
  options: ArchiveAuditLogsOptions,
  given: ProcedureContext,
): Promise<ProcedureResult<ArchiveAuditLogsPart>> {
  const { context, findings } = remembering(given);
  const { archive, audit } = context.config.logs;
  const own = new OwnAuditLog(context);
  try {
    const chosen = { days: options.days ?? audit.days, destination: options.destination ?? audit.destination };
    const settings = { ...(await chooseArchive(chosen, context.config)), paths: audit.paths, apart: [], keep: null };
    const before = context.now().getTime() - settings.days * dayMs;
    const { part: made, failed } = await archiveNow(settings, context, {
      prefix: 'audit',
      extra: () => own.due(settings.destination, before),
      refused: () => own.broken,
      isCopy: (file) => parsePieceName(file) !== null,
      objection: async ({ path: file }) => {
        const problem = await chainProblem(file).catch((error: unknown) => String(error));
        return problem === null ? null : `its chain is broken, ${problem}; look who changed it`;
      },
    });
    own.settle(new Set(made.files.filter(({ action }) => action === 'archived').map(({ path }) => path)));
    const changed = made.archives.some(({ action }) => action !== 'planned');
    const outcome = failed || own.broken ? 'failed' : outcomeOf(findings, changed ? 'changed' : 'unchanged');
    return { outcome, part: { ...made, audit: own.state } };
  } catch (error) {
    const message = troubleIn(error);
    if (message === null) throw error;
    const subject = archive.destination === undefined ? 'logs.audit' : 'logs.archive';
    context.finding({ level: 'critical', code: 'logs.archive', subject, message });
    return { outcome: 'failed', part: { archives: [], files: [], audit: own.state } };
  }
}
