/** Plans of statements whose parameters are not known, without running them. PostgreSQL manual: "EXPLAIN". */
import { errorMessage, isConnectionLost } from './connectionProblem.ts';
import { printable } from './names.ts';
import { shownStatement } from './statementText.ts';
import type { Visit } from './visit.ts';

/** Lines of the plan, or a clause that says why there is none. */
export type Plan = { readonly lines: readonly string[] } | { readonly problem: string };

/** True for what only reads, by its words: literals, comments and quoted names do not count. */
export function isReadOnly(query: string): boolean {
  const words = shownStatement(query, Infinity).replace(/"(?:[^"]|"")*"/g, '""');
  return (
    /^(select|with|values|table)\b/i.test(words) &&
    !/\b(insert|update|delete|merge|into|share|call|do|copy|lock)\b/i.test(words)
  );
}

/**
 * Planning evaluates functions that are declared immutable or stable, with the rights of this role: as a superuser that
 * would let the owner of such a function do anything. Null = there is no danger.
 */
export async function whyNotExplain({ session }: Visit): Promise<string | null> {
  const rows = await session.query<{ risky: boolean }>(
    `select (select rolsuper from pg_catalog.pg_roles where rolname = current_user) and exists (
       select from pg_catalog.pg_proc p join pg_catalog.pg_roles r on r.oid = p.proowner where not r.rolsuper) as risky`,
  );
  if (rows[0]?.risky !== true) return null;
  return `planning as superuser ${printable(session.target.user)} could run functions that others own in this database; connect as a role with pg_monitor and SELECT`;
}

/** The generic plan, under the search_path that sessions of this role begin with, in a transaction that only reads. */
export async function explain({ session, context }: Visit, query: string): Promise<Plan> {
  const text = query.replace(/;\s*$/, '');
  try {
    await session.query('begin transaction read only');
    await session.query(
      `select pg_catalog.set_config('search_path', reset_val, true), pg_catalog.set_config('plan_cache_mode', 'force_generic_plan', true)
       from pg_catalog.pg_settings where name = 'search_path'`,
    );
    const rows = await planOf(session, text);
    return { lines: rows.map((row) => row['QUERY PLAN']) };
  } catch (error) {
    context.signal.throwIfAborted();
    if (isConnectionLost(error)) throw error;
    return { problem: printable(errorMessage(error)) };
  } finally {
    await session.query('rollback').catch(() => undefined);
    await session.query('deallocate all').catch(() => undefined);
  }
}

interface PlanRow extends Record<string, unknown> {
  readonly 'QUERY PLAN': string;
}

/**
 * PREPARE, sent by the extended protocol as named statements are, takes one statement and no more: what passes it may be
 * sent as text. Up to version 15 the prepared one is explained, with NULL for each parameter.
 */
async function planOf(session: Visit['session'], text: string): Promise<PlanRow[]> {
  await session.query(`prepare upkeep_explain as ${text}`, undefined, nextName());
  if (session.version >= 160000) return session.query<PlanRow>(`explain (generic_plan) ${text}`);
  const used = [...shownStatement(text, Infinity).matchAll(/\$(\d+)/g)].map((match) => Number(match[1]));
  const nulls = Array.from({ length: Math.max(0, ...used) }, () => 'null').join(', ');
  return session.query<PlanRow>(`explain execute upkeep_explain${nulls === '' ? '' : `(${nulls})`}`);
}

let names = 0;
function nextName(): string {
  names += 1;
  return `upkeep_${names}`;
}
