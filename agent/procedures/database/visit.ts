/** Every database that a procedure was asked for, one connection each; whatever keeps one from being worked on is a finding. */
import * as z from 'zod';
import type { Config } from '../../config/schema.ts';
import type { Finding } from '../../protocol/nouns.ts';
import { outcomeOf, type ProcedureContext, type ProcedureOutcome } from '../define.ts';
import { openSession, type DatabaseSession } from './connection.ts';
import {
  connectionFinding,
  failedStatementFinding,
  isConnectionLost,
  lostConnectionFinding,
} from './connectionProblem.ts';
import { printable } from './names.ts';
import { resolveTargets, type ConnectionParameters, type ResolvedTarget } from './target.ts';

/** One database that was asked for, in the JSON document; null where it did not answer. */
export const visitedSchema = z.object({
  name: z.string(),
  reached: z.boolean(),
  version: z.string().nullable(),
  standby: z.boolean().nullable(),
});
export type Visited = z.infer<typeof visitedSchema>;

/** What reading one database needs. */
export interface Visit {
  /** How it is reached, for further connections. */
  readonly parameters: ConnectionParameters;
  readonly session: DatabaseSession;
  readonly settings: Config['database'];
  readonly context: ProcedureContext;
}

export interface VisitOptions {
  /** What is being done, for messages: `maintenance`, `the bloat check`. */
  readonly doing: string;
  /** Every transaction read-only. */
  readonly readOnly: boolean;
  /** Servers beside each other, so that a dead one delays no other. The databases of one server always come in turn. */
  readonly parallel?: boolean;
  /** After a connection broke in the middle of the work, and that was told. */
  readonly onLost?: (parameters: ConnectionParameters, context: ProcedureContext) => Promise<void>;
}

/** Calls `work` for each database in the order of the configuration; returns all of them, reached or not. */
export async function visitDatabases(
  context: ProcedureContext,
  names: readonly string[] | undefined,
  options: VisitOptions,
  work: (visit: Visit) => Promise<void>,
): Promise<Visited[]> {
  const targets = resolveTargets(context.config, context.env, names);
  const visited = new Map<ResolvedTarget, Visited>();
  const inTurn = async (some: readonly ResolvedTarget[]): Promise<void> => {
    for (const target of some) {
      context.signal.throwIfAborted();
      visited.set(target, await visitTarget(target, context, options, work));
    }
  };
  if (options.parallel === true) await atMost(serversAtOnce, byServer(targets), inTurn);
  else await inTurn(targets);
  return targets.flatMap((target) => visited.get(target) ?? []);
}

/** Puts what was found into the order of the databases, which were visited beside each other. */
export function sortByDatabase(found: { readonly database: string }[], databases: readonly Visited[]): void {
  const order = databases.map(({ name }) => name);
  found.sort((one, other) => order.indexOf(one.database) - order.indexOf(other.database));
}

/** The context with its findings kept, and the outcome that follows from them. */
export function watchFindings(context: ProcedureContext): {
  readonly context: ProcedureContext;
  readonly findings: readonly Finding[];
  readonly outcome: (otherwise: 'changed' | 'unchanged') => ProcedureOutcome;
} {
  const findings: Finding[] = [];
  return {
    context: {
      ...context,
      finding: (finding) => {
        findings.push(finding);
        context.finding(finding);
      },
    },
    findings,
    outcome: (otherwise) => {
      const failed = findings.some((finding) => finding.level === 'critical' && failures.has(finding.code));
      return failed ? 'failed' : outcomeOf(findings, otherwise);
    },
  };
}

/** Critical findings that mean that the procedure did not do its work, not merely that it saw something bad. */
const failures: ReadonlySet<string> = new Set([
  'database.connection',
  'database.statement',
  'database.version',
  'database.backend',
  'database.archive',
  'database.full_disk',
  'database.no_such_relation',
  'database.recommendation',
]);

/** PostgreSQL 13. */
const oldestVersion = 130000;
const serversAtOnce = 4;

async function visitTarget(
  target: ResolvedTarget,
  context: ProcedureContext,
  { doing, readOnly, onLost }: VisitOptions,
  work: (visit: Visit) => Promise<void>,
): Promise<Visited> {
  const settings = context.config.database;
  if (!('parameters' in target)) {
    const { name, problem } = target;
    context.finding({ level: 'critical', code: 'database.connection', subject: printable(name), message: problem });
    return { name, reached: false, version: null, standby: null };
  }
  const { parameters } = target;
  let session: DatabaseSession;
  try {
    session = await openSession(parameters, { settings, signal: context.signal, readOnly });
  } catch (error) {
    context.signal.throwIfAborted();
    context.finding(connectionFinding(parameters, error, settings.connect_timeout));
    return { name: parameters.name, reached: false, version: null, standby: null };
  }
  try {
    if (session.version < oldestVersion) context.finding(tooOld(session));
    else await work({ parameters, session, settings, context });
  } catch (error) {
    context.signal.throwIfAborted();
    if (isConnectionLost(error)) {
      context.finding(lostConnectionFinding(parameters, error, doing));
      await onLost?.(parameters, context);
    } else context.finding(failedStatementFinding(parameters, error, capitalised(doing)));
  } finally {
    await session.close();
  }
  return { name: parameters.name, reached: true, version: session.versionText, standby: session.inRecovery };
}

function tooOld({ target, versionText }: DatabaseSession): Finding {
  const subject = printable(target.name);
  const message = `PostgreSQL ${versionText} of ${subject} is too old, 13 is the oldest supported; upgrade the server.`;
  return { level: 'critical', code: 'database.version', subject, message };
}

function byServer(targets: readonly ResolvedTarget[]): ResolvedTarget[][] {
  const servers = new Map<string, ResolvedTarget[]>();
  for (const target of targets) {
    const key = 'parameters' in target ? `${target.parameters.host} ${target.parameters.port}` : '';
    servers.set(key, [...(servers.get(key) ?? []), target]);
  }
  return [...servers.values()];
}

async function atMost<T>(limit: number, items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const next = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  const ended = await Promise.allSettled(Array.from({ length: limit }, next));
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
}

function capitalised(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
