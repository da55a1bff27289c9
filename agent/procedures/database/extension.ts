/** Whether an extension can be used in this database, and what to do when it can not. */
import type { DatabaseSession } from './connection.ts';

export interface Extension {
  /** Schema in which it is installed, quoted by the server; null = it is not installed in this database. */
  readonly schema: string | null;
  /** `1.10`; null with `schema`. */
  readonly version: string | null;
  /** Its files are on the server, so that CREATE EXTENSION would do. */
  readonly available: boolean;
}

export async function findExtension(session: DatabaseSession, name: string): Promise<Extension> {
  const rows = await session.query<Extension & Record<string, unknown>>(
    `select (select pg_catalog.format('%I', n.nspname) from pg_catalog.pg_extension e
         join pg_catalog.pg_namespace n on n.oid = e.extnamespace where e.extname = $1) as schema,
       (select extversion from pg_catalog.pg_extension where extname = $1) as version,
       exists (select from pg_catalog.pg_available_extensions where name = $1) as available`,
    [name],
  );
  return rows[0] ?? { schema: null, version: null, available: false };
}

/** How to get it: a clause, to be followed by a full stop. `major` as in PostgreSQL 15. */
export function howToInstall(name: string, { available }: Pick<Extension, 'available'>, major: number): string {
  const create = `run CREATE EXTENSION ${name} in it as a superuser`;
  const packages = `install the server's contrib package (Debian: postgresql-${major}, Red Hat: postgresql${major}-contrib)`;
  return available ? create : `${packages}, then ${create}`;
}
