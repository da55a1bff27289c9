/** The work of `monitor-queries`: one query of each database, and on request one signal to one backend. */
import * as z from 'zod';
import type { Finding } from '../../protocol/nouns.ts';
import type { ProcedureContext, ProcedureResult } from '../define.ts';
import { actionSchema } from './actions.ts';
import { endBackend, type Ending } from './endBackend.ts';
import { endSession } from './lockTree.ts';
import type { MonitorQueriesOptions } from './monitorQueries.ts';
import { counted, printable } from './names.ts';
import { durationText, insightFinding } from './serverFindings.ts';
import { runningLonger, type Activity } from './sessions.ts';
import { shownStatement } from './statementText.ts';
import { resolveTargets } from './target.ts';
import { sortByDatabase, type Visit, visitDatabases, visitedSchema, watchFindings } from './visit.ts';

export const part = z.object({
  databases: z.array(visitedSchema),
  queries: z.array(
    z.object({
      database: z.string(),
      pid: z.number(),
      user: z.string().nullable(),
      application: z.string(),
      client: z.string().nullable(),
      state: z.string().nullable(),
      wait: z.string().nullable(),
      seconds: z.number(),
      blockedBy: z.array(z.number()),
      /** Without its literals. */
      statement: z.string(),
    }),
  ),
  actions: z.array(actionSchema),
});
type Part = z.infer<typeof part>;

export async function run(given: MonitorQueriesOptions, context: ProcedureContext): Promise<ProcedureResult<Part>> {
  const watched = watchFindings(context);
  const result: Part = { databases: [], queries: [], actions: [] };
  const { cancel, terminate } = given;
  if (cancel !== undefined && terminate !== undefined) {
    refuse(watched.context, 'cancel and terminate were both given; choose one');
  } else if (cancel !== undefined) await end(watched.context, given, 'cancel', cancel, result);
  else if (terminate !== undefined) await end(watched.context, given, 'terminate', terminate, result);
  else {
    const options = { doing: 'the look at running queries', readOnly: true, parallel: true };
    result.databases = await visitDatabases(watched.context, given.database, options, async (visit) => {
      result.queries.push(...(await look(visit, given.longerThan / 1000)));
    });
    sortByDatabase(result.queries, result.databases);
  }
  const changed = result.actions.some((action) => action.status === 'done');
  return { outcome: watched.outcome(changed ? 'changed' : 'unchanged'), part: result };
}

/** A pid means something on one server only. */
async function end(
  context: ProcedureContext,
  { database }: MonitorQueriesOptions,
  how: Ending,
  pid: number,
  result: Part,
): Promise<void> {
  const targets = resolveTargets(context.config, context.env, database);
  const servers = new Set(
    targets.map((target) => ('parameters' in target ? `${target.parameters.host}:${target.parameters.port}` : '')),
  );
  const [first] = targets;
  if (servers.size > 1 || first === undefined) {
    refuse(context, `pid ${pid} could be on any of ${servers.size} servers; name one of its databases with --database`);
    return;
  }
  const name = 'parameters' in first ? first.parameters.name : first.name;
  const options = { doing: `the end of pid ${pid}`, readOnly: true };
  result.databases = await visitDatabases(
    context,
    database === undefined && context.config.databases.length === 0 ? undefined : [name],
    options,
    async (visit) => {
      const action = await endBackend(visit, how, pid);
      if (action !== null) result.actions.push(action);
    },
  );
}

function refuse(context: ProcedureContext, why: string): void {
  const message = `Nothing was done: ${why}.`;
  context.finding({ level: 'critical', code: 'database.backend', subject: 'monitor-queries', message });
}

async function look(visit: Visit, threshold: number): Promise<Part['queries']> {
  const { session, context } = visit;
  const { name } = session.target;
  const running = await runningLonger(session, threshold);
  const blocking = new Set(running.flatMap(({ blockers }) => blockers));
  context.print(
    `${printable(name)}: ${counted(running.length, 'statement or transaction', 'statements or transactions')} ${running.length === 1 ? 'runs' : 'run'} longer than ${threshold} s`,
  );
  for (const one of running) context.finding(queryFinding(name, one, threshold, blocking.has(one.pid)));
  if (running.length === 0) {
    const message = `No statement or transaction of ${printable(name)} runs longer than ${threshold} s.`;
    context.finding({
      level: 'ok',
      code: 'database.query',
      subject: printable(name),
      message,
      value: 0,
      threshold,
      unit: 's',
    });
  }
  const rows = await session.query<{ sees: boolean }>(
    `select pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') as sees`,
  );
  if (rows[0]?.sees !== true) context.finding(insightFinding(printable(name), session.target.user));
  return running.map(({ pid, user, application, client, state, wait, seconds, blockers, query }) => ({
    ...{ database: name, pid, user, application, client, state, wait },
    seconds: Math.round(seconds * 10) / 10,
    blockedBy: [...blockers],
    statement: shownStatement(query, 1_000),
  }));
}

/** To know of; a warning when it waits for a lock, keeps others waiting, or runs sixty times as long as was asked for. */
function queryFinding(database: string, one: Activity, threshold: number, blocks: boolean): Finding {
  const { pid, user, application, state, wait, seconds, blockers, query } = one;
  const serious = blocks || blockers.length > 0 || seconds >= 60 * threshold;
  const who = [`user ${printable(user ?? '?')}`, printable(application), one.client ?? ''].filter(
    (text) => text !== '',
  );
  const waits =
    blockers.length > 0 ? `, blocked by pid ${blockers.join(', ')}` : wait === null ? '' : `, waits for ${wait}`;
  return {
    level: serious ? 'warning' : 'info',
    code: 'database.query',
    subject: printable(database),
    message: `Pid ${pid} (${who.join(', ')}) is ${state ?? '?'} for ${durationText(seconds)}${waits}${blocks ? ', keeps others waiting' : ''}: ${shownStatement(query)}`,
    value: Math.round(seconds * 10) / 10,
    threshold,
    unit: 's',
    remedy: endSession(database, { pid, state: state ?? '' }),
  };
}
