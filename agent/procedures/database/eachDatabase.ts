/** The frame of every procedure of this area: connects to each chosen database in turn, and tells what became of it. */
import * as z from 'zod';
import type { Finding } from '../../protocol/nouns.ts';
import { outcomeOf, type ProcedureContext, type ProcedureOutcome } from '../define.ts';
import { actionSchema, type Action } from './actions.ts';
import { openSession, type DatabaseSession } from './connection.ts';
import {
  connectionFinding,
  failedStatementFinding,
  isConnectionLost,
  lostConnectionFinding,
} from './connectionProblem.ts';
import { afterLoss } from './loss.ts';
import { printable } from './names.ts';
import { Observer } from './observer.ts';
import type { DatabaseRun } from './run.ts';
import { resolveTargets, type ConnectionParameters } from './target.ts';

export const databaseSchema = z.object({
  name: z.string(),
  reached: z.boolean(),
  version: z.string().nullable(),
  standby: z.boolean().nullable(),
});

/** What the `database-*` procedures have in common in their part of the JSON document. */
export const maintenancePart = z.object({ databases: z.array(databaseSchema), actions: z.array(actionSchema) });
export type MaintenancePart = z.infer<typeof maintenancePart>;

export interface Maintained extends MaintenancePart {
  readonly findings: readonly Finding[];
  /** `failed` when the work could not be done, `warning` by the findings, else whether an action was carried out. */
  readonly outcome: () => ProcedureOutcome;
}

export interface Frame {
  readonly context: ProcedureContext;
  /** Names of configured databases; undefined = all. */
  readonly names: readonly string[] | undefined;
  /** For messages: `the reindexing`. By default `maintenance`. */
  readonly doing?: string;
  /** Work on one database of a supported version. */
  readonly work: (run: DatabaseRun) => Promise<void>;
  /** What belongs to no database, at the end; its findings count as well. */
  readonly afterwards?: (context: ProcedureContext, result: MaintenancePart) => Promise<void>;
}

/** Runs `work` in each database. One that can not be reached, is too old or is lost becomes a finding; the others go on. */
export async function eachDatabase(frame: Frame): Promise<Maintained> {
  const { context, names, doing = 'maintenance', work, afterwards } = frame;
  const findings: Finding[] = [];
  const watched: ProcedureContext = {
    ...context,
    finding: (finding) => {
      findings.push(finding);
      context.finding(finding);
    },
  };
  const result: MaintenancePart = { databases: [], actions: [] };
  for (const target of resolveTargets(context.config, context.env, names)) {
    context.signal.throwIfAborted();
    if ('parameters' in target) await oneDatabase(target.parameters, watched, result, doing, work);
    else {
      const { name, problem } = target;
      watched.finding({ level: 'critical', code: 'database.connection', subject: printable(name), message: problem });
      result.databases.push({ name, reached: false, version: null, standby: null });
    }
  }
  await afterwards?.(watched, result);
  return {
    ...result,
    findings,
    outcome: () => {
      if (findings.some((finding) => finding.level === 'critical' && failures.has(finding.code))) return 'failed';
      const changed = result.actions.some((action) => action.status === 'done');
      return outcomeOf(findings, changed ? 'changed' : 'unchanged');
    },
  };
}

/** Critical findings that mean that the procedure did not do its work, not merely that it saw something bad. */
const failures: ReadonlySet<string> = new Set([
  'database.connection',
  'database.statement',
  'database.version',
  'database.archive',
  'database.full_disk',
  'database.no_such_relation',
]);

/** PostgreSQL 13. */
const oldestVersion = 130000;

async function oneDatabase(
  parameters: ConnectionParameters,
  context: ProcedureContext,
  result: MaintenancePart,
  doing: string,
  work: Frame['work'],
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
  const observer = new Observer(parameters, settings);
  const action = (done: Action): void => {
    result.actions.push(done);
  };
  try {
    if (session.version < oldestVersion) reportTooOld(session, context);
    else await work({ session, observer, settings, context, action });
  } catch (error) {
    context.signal.throwIfAborted();
    if (isConnectionLost(error)) {
      context.finding(lostConnectionFinding(parameters, error, doing));
      await afterLoss(parameters, context);
    } else context.finding(failedStatementFinding(parameters, error, capitalised(doing)));
  } finally {
    await observer.close();
    await session.close();
  }
}

function reportTooOld({ versionText, target }: DatabaseSession, context: ProcedureContext): void {
  const name = printable(target.name);
  const message = `PostgreSQL ${versionText} of ${name} is too old, 13 is the oldest supported; upgrade the server.`;
  context.finding({ level: 'critical', code: 'database.version', subject: name, message });
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
