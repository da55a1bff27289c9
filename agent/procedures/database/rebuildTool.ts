/** What writes a table anew on this server: REPACK (CONCURRENTLY) from PostgreSQL 19 on, pg_repack where it is, else VACUUM FULL. */
import type { ProcedureContext } from '../define.ts';
import type { DatabaseSession } from './connection.ts';
import type { RebuildTarget } from './rebuildTargets.ts';
import { findRepack, repackVersion } from './repackProgram.ts';

export interface Repack {
  /** Path of the program. */
  readonly program: string;
}

export interface RebuildTools {
  /** As server_version_num. */
  readonly version: number;
  readonly walLevel: string;
  readonly repack: Repack | null;
  /** Why pg_repack is not used though its extension is there; null otherwise. */
  readonly repackProblem: string | null;
}

export type RebuildTool =
  | { readonly name: 'REPACK (CONCURRENTLY)' }
  | { readonly name: 'pg_repack'; readonly program: string }
  /** `because`: why nothing gentler does it. */
  | { readonly name: 'VACUUM FULL'; readonly because: string };

/** Looks once per database. */
export async function rebuildTools({
  session,
  context,
}: {
  readonly session: DatabaseSession;
  readonly context: Pick<ProcedureContext, 'env' | 'signal'>;
}): Promise<RebuildTools> {
  const { version } = session;
  const rows = await session.query<{ level: string; extension: string | null }>(
    `select current_setting('wal_level') as level,
       (select extversion from pg_catalog.pg_extension where extname = 'pg_repack') as extension`,
  );
  const { level: walLevel = 'minimal', extension = null } = rows[0] ?? {};
  const none = { version, walLevel, repack: null, repackProblem: null };
  if (extension === null || version >= firstRepack) return none;
  const major = Math.floor(version / 10_000);
  const program = await findRepack(context.env, major);
  if (program === null) {
    return {
      ...none,
      repackProblem: `the program pg_repack is not installed here (Debian: postgresql-${major}-repack)`,
    };
  }
  const own = await repackVersion(program, context.signal);
  if (own === extension) return { ...none, repack: { program } };
  return {
    ...none,
    repackProblem: `pg_repack ${own ?? '?'} does not fit its extension ${extension}: ALTER EXTENSION pg_repack UPDATE, or install that version`,
  };
}

/** The gentlest tool that can do this table. */
export function toolFor(tools: RebuildTools, table: Pick<RebuildTarget, 'kind' | 'identity'>): RebuildTool {
  if (table.kind !== 'table') return { name: 'VACUUM FULL', because: `it is a ${table.kind}` };
  const keyless = 'it has no primary key, nor a unique index over columns that are NOT NULL';
  if (tools.version >= firstRepack) {
    if (!table.identity) return { name: 'VACUUM FULL', because: keyless };
    if (tools.walLevel === 'minimal') return { name: 'VACUUM FULL', because: 'wal_level is minimal' };
    return { name: 'REPACK (CONCURRENTLY)' };
  }
  if (tools.repack === null)
    return {
      name: 'VACUUM FULL',
      because: tools.repackProblem ?? 'the extension pg_repack is not installed in this database',
    };
  if (!table.identity) return { name: 'VACUUM FULL', because: keyless };
  return { name: 'pg_repack', program: tools.repack.program };
}

/** PostgreSQL 19, the first with REPACK. */
const firstRepack = 190000;
