/** Whether the server's disk has room for a copy. Only a server on this very host can be asked: SQL knows nothing of free space. */
import { statfs } from 'node:fs/promises';
import { bytesText } from './bytesText.ts';
import type { DatabaseSession } from './connection.ts';
import { relationFinding, type DatabaseRun } from './run.ts';

export interface Copy {
  /** For people: `REINDEX`. */
  readonly verb: string;
  readonly relation: string;
  readonly oid: string;
  /** What the copy may need at most. */
  readonly bytes: number;
}

/** False, with a finding, when the copy would not fit with a tenth to spare. True as well where nothing can be told. */
export async function hasRoom(run: DatabaseRun, copy: Copy): Promise<boolean> {
  const free = await freeBytes(run.session, copy.oid);
  const needed = Math.ceil(copy.bytes * 1.1);
  if (free === null || free >= needed) return true;
  relationFinding(run, copy.relation, {
    level: 'warning',
    code: 'database.disk_room',
    value: free,
    threshold: needed,
    unit: 'bytes',
    text: (subject) =>
      `${copy.verb} of ${subject} skipped: it needs up to ${bytesText(needed)} beside the old data and ${bytesText(free)} are free; free space first.`,
  });
  run.action({
    database: run.session.target.name,
    statement: `${copy.verb} ${copy.relation}`,
    relation: copy.relation,
    seconds: 0,
    status: 'skipped',
    reason: 'not enough space on the disk',
    before: { bytes: copy.bytes },
    after: {},
    verified: false,
  });
  return false;
}

/** Free bytes, for the server's user, of the file system of a relation; null for a server elsewhere, or without the right to know. */
async function freeBytes(session: DatabaseSession, oid: string): Promise<number | null> {
  const folder = await folderOf(session, oid);
  if (folder === null) return null;
  const stats = await statfs(folder).catch(() => null);
  return stats === null ? null : stats.bavail * stats.bsize;
}

async function folderOf(session: DatabaseSession, oid: string): Promise<string | null> {
  const rows = await session
    .query<{ folder: string | null }>(
      `select case when pg_catalog.inet_server_addr() is null or pg_catalog.inet_server_addr() <<= '127.0.0.0/8'
           or pg_catalog.inet_server_addr() = '::1' then
         coalesce(nullif(pg_catalog.pg_tablespace_location(coalesce(nullif(c.reltablespace, 0), d.dattablespace)), ''),
           pg_catalog.current_setting('data_directory', true)) end as folder
       from pg_catalog.pg_class c, pg_catalog.pg_database d
       where c.oid = $1::oid and d.datname = pg_catalog.current_database()`,
      [oid],
    )
    .catch(() => []);
  return rows[0]?.folder ?? null;
}
