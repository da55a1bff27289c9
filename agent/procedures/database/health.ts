/** What `health-check` asks of each configured database: does it answer, how fast, and how full is its connection table. */
import type { Config } from '../../config/schema.ts';
import type { Finding } from '../../protocol/nouns.ts';
import type { ProcedureContext } from '../define.ts';
import { openSession, type DatabaseSession, type Queryable } from './connection.ts';
import { connectionFinding } from './connectionProblem.ts';
import { counted, printable } from './names.ts';
import { resolveTargets, type ConnectionParameters } from './target.ts';

/**
 * Findings `database.connection` (unreachable = critical; else its latency in ms), `database.connections` (% of
 * max_connections) and `database.idle_in_transaction` of every configured database. Empty when none is configured and no
 * PG* variable names a server: a host without database is not ill.
 */
export async function databaseHealthFindings(
  config: Config,
  context: Pick<ProcedureContext, 'env' | 'signal'>,
): Promise<Finding[]> {
  const named = ['PGHOST', 'PGPORT', 'PGDATABASE', 'PGUSER'].some((key) => (context.env[key] ?? '') !== '');
  if (config.databases.length === 0 && !named) return [];
  const findings = await Promise.all(
    resolveTargets(config, context.env).map((target) => {
      if ('parameters' in target) return targetFindings(target.parameters, config, context.signal);
      const { name, problem } = target;
      const finding = {
        level: 'critical',
        code: 'database.connection',
        subject: printable(name),
        message: problem,
      } as const;
      return Promise.resolve([finding]);
    }),
  );
  return findings.flat();
}

/** Fill of the connection table of the server against `thresholdPercent`, sessions idle in transaction told apart. */
async function checkConnections(
  client: Queryable & Pick<DatabaseSession, 'target'>,
  thresholdPercent: number,
): Promise<Finding[]> {
  const counts = await readConnections(client);
  return counts === null ? [] : connectionFindings(client.target.name, counts, thresholdPercent);
}

/** Null when the server gives no answer. */
export async function readConnections(client: Queryable): Promise<ConnectionCounts | null> {
  const rows = await client.query<ConnectionCounts & Record<string, unknown>>(
    `select count(*)::float8 as used, count(*) filter (where state like 'idle in transaction%')::float8 as "idleInTransaction",
       coalesce(extract(epoch from max(now() - state_change) filter (where state like 'idle in transaction%')), 0)::float8 as oldest,
       current_setting('max_connections')::float8 as maximum,
       (select sum(setting::float8) from pg_catalog.pg_settings
        where name in ('superuser_reserved_connections', 'reserved_connections')) as reserved
     from pg_catalog.pg_stat_activity where backend_type = 'client backend'`,
  );
  return rows[0] ?? null;
}

export interface ConnectionCounts {
  readonly used: number;
  readonly idleInTransaction: number;
  /** Seconds that the oldest of those has been idle. */
  readonly oldest: number;
  readonly maximum: number;
  /** Slots that only superusers and pg_use_reserved_connections get. */
  readonly reserved: number;
}

export function connectionFindings(name: string, counts: ConnectionCounts, thresholdPercent: number): Finding[] {
  const { used, idleInTransaction, oldest, maximum, reserved } = counts;
  const subject = printable(name);
  const percent = Math.round((used / maximum) * 1000) / 10;
  const full = used >= maximum - reserved;
  const short = percent >= thresholdPercent;
  const advice = short || full ? '; close idle sessions, use a pooler or raise max_connections' : '';
  const findings: Finding[] = [
    {
      level: full ? 'critical' : short ? 'warning' : 'ok',
      code: 'database.connections',
      subject,
      message: `${used} of ${counted(maximum, 'connection')} of ${subject} ${used === 1 ? 'is' : 'are'} in use (${percent} %), ${idleInTransaction} idle in transaction${advice}.`,
      value: percent,
      threshold: thresholdPercent,
      unit: '%',
    },
  ];
  if (idleInTransaction > 0 && oldest >= idleWarningSeconds) {
    findings.push({
      level: 'warning',
      code: 'database.idle_in_transaction',
      subject,
      message: `${counted(idleInTransaction, 'session')} of ${subject} ${idleInTransaction === 1 ? 'is' : 'are'} idle in transaction, the oldest for ${Math.round(oldest / 60)} minutes; find the client, or set idle_in_transaction_session_timeout.`,
      value: Math.round(oldest),
      threshold: idleWarningSeconds,
      unit: 's',
    });
  }
  return findings;
}

/** Milliseconds of a round trip with the simplest statement. */
export async function measureLatency(session: Queryable): Promise<number> {
  const start = performance.now();
  await session.query('select 1');
  return Math.round((performance.now() - start) * 10) / 10;
}

export function latencyFinding(name: string, latency: number): Finding {
  const slow = latency >= slowMilliseconds;
  const subject = printable(name);
  return {
    level: slow ? 'warning' : 'ok',
    code: 'database.connection',
    subject,
    message: `${subject} answers in ${latency} ms${slow ? '; look for load on the server or its network' : ''}.`,
    value: latency,
    threshold: slowMilliseconds,
    unit: 'ms',
  };
}

async function targetFindings(
  parameters: ConnectionParameters,
  config: Config,
  signal: AbortSignal,
): Promise<Finding[]> {
  const settings = config.database;
  let session: DatabaseSession;
  try {
    session = await openSession(parameters, { settings, signal, readOnly: true });
  } catch (error) {
    signal.throwIfAborted();
    return [connectionFinding(parameters, error, settings.connect_timeout)];
  }
  try {
    const answer = latencyFinding(parameters.name, await measureLatency(session));
    return [answer, ...(await checkConnections(session, config.thresholds.database_connections_percent))];
  } catch (error) {
    signal.throwIfAborted();
    return [connectionFinding(parameters, error, settings.connect_timeout)];
  } finally {
    await session.close();
  }
}

const idleWarningSeconds = 600;
const slowMilliseconds = 1_000;
