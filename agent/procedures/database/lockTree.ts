/** Who waits for whose lock: sessions as a tree below those that hold everybody up. */
import type { Finding } from '../../protocol/nouns.ts';
import type { DatabaseSession } from './connection.ts';
import { describeSession, sessionColumns, type SessionRow } from './holders.ts';
import { counted, printable } from './names.ts';

/** A session that waits or is waited for. pid 0 = a prepared transaction. */
export interface Involved extends SessionRow {
  readonly pid: number;
  /** Pids that keep it waiting; empty when it does not wait. */
  readonly blockers: readonly number[];
  /** Seconds that it has been waiting; null when it does not wait, or when since when is hidden from this role. */
  readonly waited: number | null;
  /** `AccessExclusiveLock on public.orders`; null when it does not wait. */
  readonly wants: string | null;
}

export interface LockNode {
  readonly session: Involved;
  readonly waiting: readonly LockNode[];
}

/** Sessions of this database that wait for a lock, and all that they wait for; at most 200. */
export async function readLockWaits(session: DatabaseSession): Promise<Involved[]> {
  // Version 13 does not know since when a lock is waited for; there the statement's age stands in.
  const since = session.version >= 140000 ? 'coalesce(min(l.waitstart), min(a.query_start))' : 'min(a.query_start)';
  return session.query<Involved & Record<string, unknown>>(`
    with waits as materialized (
      select l.pid, extract(epoch from pg_catalog.clock_timestamp() - ${since})::float8 as waited,
        min(l.mode || case when l.locktype = 'relation' then ' on ' || coalesce(
          (select pg_catalog.format('%I.%I', n.nspname, c.relname) from pg_catalog.pg_class c
           join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.oid = l.relation), 'a relation')
          else ' on a ' || l.locktype end) as wants
      from pg_catalog.pg_locks l join pg_catalog.pg_stat_activity a on a.pid = l.pid
      where not l.granted and a.datname = pg_catalog.current_database()
      group by l.pid limit 200
    ), blocked as materialized (
      select pid, waited, wants, pg_catalog.pg_blocking_pids(pid) as blockers from waits
    ), involved as (
      select pid from blocked union select unnest(blockers) from blocked
    )
    select i.pid, ${sessionColumns}, coalesce(b.blockers, '{}') as blockers, b.waited, b.wants
    from involved i left join blocked b on b.pid = i.pid left join pg_catalog.pg_stat_activity a on a.pid = i.pid
    order by b.waited desc nulls last, i.pid`);
}

/** Those that wait for nobody, each with all that wait for it; of a deadlock, which has no such one, the longest waiting. */
export function lockTrees(involved: readonly Involved[]): LockNode[] {
  const seen = new Set<number>();
  const grow = (session: Involved): LockNode => {
    seen.add(session.pid);
    const next = involved.filter((other) => other.blockers.includes(session.pid) && !seen.has(other.pid));
    for (const { pid } of next) seen.add(pid);
    return { session, waiting: next.map(grow) };
  };
  const trees = involved.filter((session) => session.blockers.length === 0).map(grow);
  for (const session of involved) if (!seen.has(session.pid)) trees.push(grow(session));
  return trees;
}

/** One line per session, indented by what it waits for. */
export function treeLines(node: LockNode, depth = 0): string[] {
  const { session } = node;
  const wait = session.wants === null ? '' : ` waits ${secondsText(session.waited)} for ${printable(session.wants)}`;
  return [
    `${'  '.repeat(depth)}${whoIs(session)}${wait}`,
    ...node.waiting.flatMap((next) => treeLines(next, depth + 1)),
  ];
}

/** One finding per tree whose longest wait exceeds `thresholdSeconds`. */
export function lockFindings(name: string, trees: readonly LockNode[], thresholdSeconds: number): Finding[] {
  const subject = printable(name);
  const findings = trees.flatMap((tree): Finding[] => {
    const below = tree.waiting.flatMap(allOf);
    const longest = Math.max(0, ...below.map(({ waited }) => waited ?? 0), tree.session.waited ?? 0);
    const unknown = below.some(({ waited }) => waited === null);
    if (longest <= thresholdSeconds && !unknown) return [];
    const value = Math.round(longest * 10) / 10;
    const wanted = [...new Set(below.map(({ wants }) => wants ?? '').filter((text) => text !== ''))].slice(0, 3);
    return [
      {
        level: longest >= criticalSeconds ? 'critical' : 'warning',
        code: 'database.lock_wait',
        subject,
        message:
          `${whoIs(tree.session)} keeps ${counted(below.length, 'session')} of ${subject} waiting, the longest for ${value} s ` +
          `(${wanted.map(printable).join(', ')}); let it finish, or end it.`,
        value,
        threshold: thresholdSeconds,
        unit: 's',
        ...(tree.session.pid === 0 ? {} : { remedy: endSession(name, tree.session) }),
      },
    ];
  });
  if (findings.length > 0) return findings;
  const message = `No session of ${subject} waits longer than ${thresholdSeconds} s for a lock.`;
  return [
    { level: 'ok', code: 'database.lock_wait', subject, message, value: 0, threshold: thresholdSeconds, unit: 's' },
  ];
}

/** Its statement is cancelled; a session that is idle in its transaction has none, and is terminated. */
export function endSession(
  database: string,
  session: Pick<SessionRow, 'pid' | 'state'>,
): NonNullable<Finding['remedy']> {
  const pid = session.pid ?? 0;
  return session.state === 'active'
    ? { procedure: 'monitor-queries', options: { database, cancel: pid }, title: `Cancel the Statement of Pid ${pid}` }
    : { procedure: 'monitor-queries', options: { database, terminate: pid }, title: `Terminate Pid ${pid}` };
}

function allOf(node: LockNode): Involved[] {
  return [node.session, ...node.waiting.flatMap(allOf)];
}

function whoIs(session: Involved): string {
  return session.pid === 0 ? 'a prepared transaction' : describeSession(session);
}

function secondsText(seconds: number | null): string {
  return seconds === null ? 'for an unknown time' : `${seconds.toFixed(1)} s`;
}

const criticalSeconds = 60;
