/** The work of daily maintenance of PostgreSQL: VACUUM where rows died, ANALYZE where statistics are stale, bloat, WAL. */
import * as z from 'zod';
import type { Finding } from '../../protocol/nouns.ts';
import { outcomeOf, type ProcedureContext, type ProcedureResult } from '../define.ts';
import { actionSchema, type Action } from './actions.ts';
import { cleanArchive } from './archiveCleanup.ts';
import { relationSchema } from './bloat.ts';
import { openSession, type DatabaseSession } from './connection.ts';
import {
  connectionFinding,
  failedStatementFinding,
  isConnectionLost,
  lostConnectionFinding,
} from './connectionProblem.ts';
import type { DailyMaintenanceOptions } from './databaseDailyMaintenance.ts';
import { maintainDatabase } from './maintain.ts';
import { printable } from './names.ts';
import { resolveTargets, type ConnectionParameters } from './target.ts';

export const part = z.object({
  databases: z.array(
    z.object({
      name: z.string(),
      reached: z.boolean(),
      version: z.string().nullable(),
      standby: z.boolean().nullable(),
    }),
  ),
  actions: z.array(actionSchema),
  relations: z.array(relationSchema),
});
type Part = z.infer<typeof part>;

export async function run(given: DailyMaintenanceOptions, context: ProcedureContext): Promise<ProcedureResult<Part>> {
  const findings: Finding[] = [];
  const watched: ProcedureContext = {
    ...context,
    finding: (finding) => {
      findings.push(finding);
      context.finding(finding);
    },
  };
  const result: Part = { databases: [], actions: [], relations: [] };
  for (const target of resolveTargets(context.config, context.env, given.database)) {
    context.signal.throwIfAborted();
    if ('parameters' in target) await maintainTarget(target.parameters, watched, result);
    else {
      const { name, problem } = target;
      watched.finding({ level: 'critical', code: 'database.connection', subject: printable(name), message: problem });
      result.databases.push({ name, reached: false, version: null, standby: null });
    }
  }
  await cleanWalArchive(watched, result);
  const failed = findings.some((finding) => finding.level === 'critical' && failures.has(finding.code));
  const changed = result.actions.some((action) => action.status === 'done');
  return { outcome: failed ? 'failed' : outcomeOf(findings, changed ? 'changed' : 'unchanged'), part: result };
}

/** Critical findings that mean that the procedure did not do its work, not merely that it saw something bad. */
const failures: ReadonlySet<string> = new Set([
  'database.connection',
  'database.statement',
  'database.version',
  'database.archive',
]);

async function maintainTarget(
  parameters: ConnectionParameters,
  context: ProcedureContext,
  result: Part,
): Promise<void> {
  const settings = context.config.database;
  let session: DatabaseSession;
  try {
    session = await openSession(parameters, { settings, signal: context.signal, readOnly: context.dryRun });
  } catch (error) {
    context.signal.throwIfAborted();
    context.finding(connectionFinding(parameters, error, settings.connect_timeout));
    result.databases.push({ name: parameters.name, reached: false, version: null, standby: null });
    return;
  }
  const { versionText, inRecovery } = session;
  result.databases.push({ name: parameters.name, reached: true, version: versionText, standby: inRecovery });
  const action = (done: Action): void => {
    result.actions.push(done);
  };
  try {
    result.relations.push(...(await maintainDatabase({ session, settings, context, action })));
  } catch (error) {
    context.signal.throwIfAborted();
    context.finding(
      isConnectionLost(error)
        ? lostConnectionFinding(parameters, error, 'maintenance')
        : failedStatementFinding(parameters, error, 'Maintenance'),
    );
  } finally {
    await session.close();
  }
}

/** Needs no database; yet while none answers, somebody may just be restoring one from this archive. */
async function cleanWalArchive(context: ProcedureContext, result: Part): Promise<void> {
  const { archive_directory: directory, wal_retention: retention } = context.config.database;
  if (directory === undefined) return;
  if (retention === undefined) {
    const message = `Archived WAL in ${directory} is kept for ever: set database.wal_retention.`;
    context.finding({ level: 'info', code: 'database.archive', subject: directory, message });
    return;
  }
  if (!result.databases.some((database) => database.reached)) {
    const message = `No database answered, so no archived WAL in ${directory} was removed.`;
    context.finding({ level: 'info', code: 'database.archive', subject: directory, message });
    return;
  }
  const action = await cleanArchive(context, directory, retention);
  if (action !== null) result.actions.push(action);
}
