/** Takes out of a damaged store what can still be read and makes sense. The damaged file is only read. */
import {
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import * as z from 'zod';
import { parseJson } from '../json.ts';
import { alert, maintenanceWindow, report } from '../protocol/nouns.ts';
import { auditRow, tokenRow } from './copies.ts';
import { Database, type Row } from './database.ts';
import { headerBytes, pageBytes, readFirstPage } from './firstPage.ts';
import { keyBytes, runIdOf, runKey } from './runKeys.ts';
import { getRun } from './runs.ts';

/** Rows by table that went into the new store. */
export type Salvaged = Readonly<Record<string, number>>;

const documentOf = (schema: z.ZodType): z.ZodType =>
  z.looseObject({ document: z.string().transform(parseJson).pipe(schema) });

/** Tables worth saving, and what a row of theirs must be. Events are not: their numbers begin anew. */
const tables: Readonly<Record<string, z.ZodType>> = {
  tokens: tokenRow,
  audit: auditRow,
  windows: documentOf(maintenanceWindow),
  alerts: documentOf(alert),
  notices: z.looseObject({ key: z.string(), identity: z.string(), stage: z.int(), told: z.int(), seen: z.int() }),
  reports: documentOf(report),
  schedule: z.looseObject({ task: z.string().min(1), considered_until: z.int() }),
  snoozes: z.looseObject({ task: z.string().min(1), since: z.int(), until: z.int(), actor: z.string() }),
  pause: z.looseObject({ id: z.literal(1), since: z.int(), actor: z.string() }),
  // An open run comes from its directory, which knows more than the row. Older versions had the id as text.
  runs: z.looseObject({
    id: z.union([z.string(), z.instanceof(Uint8Array).refine((key) => key.length === keyBytes)]),
    task: z.string(),
    state: z.literal('ended'),
  }),
};

export function salvage(damaged: string, database: Database): Salvaged {
  const counts: Record<string, number> = {};
  const copy = `${database.file}.salvage`;
  try {
    take(damaged, database, counts);
    const fresh = freshPage(`${copy}.template`);
    for (const start of [fresh?.subarray(0, headerBytes), readFirstPage(damaged) ?? fresh])
      if (start !== undefined && start !== null && mend(damaged, copy, start)) take(copy, database, counts);
  } finally {
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${copy}${suffix}`, { force: true });
  }
  return counts;
}

function take(file: string, database: Database, counts: Record<string, number>): void {
  let sql: DatabaseSync | null = null;
  try {
    sql = new DatabaseSync(file, { readOnly: true });
    for (const [table, schema] of Object.entries(tables)) {
      const rows = readable(sql, table).filter((row) => schema.safeParse(row).success);
      const added = database.transaction(
        () =>
          rows.filter((row) => (table === 'runs' ? salvageRun(database, row) : insert(database, table, row))).length,
      );
      if (added > 0) counts[table] = (counts[table] ?? 0) + added;
    }
  } catch {
    // Not even the schema can be read: nothing comes from this file.
  } finally {
    sql?.close();
  }
}

/** From the front to the first damaged page, then from the back. */
function readable(sql: DatabaseSync, table: string): readonly Row[] {
  const key = table === 'runs' ? 'id' : 'rowid';
  const rows = new Map<string, Row>();
  for (const order of ['ASC', 'DESC']) {
    try {
      const statement = sql.prepare(`SELECT * FROM ${table} NOT INDEXED ORDER BY ${key} ${order}`);
      for (const row of statement.iterate()) rows.set(JSON.stringify(row), row);
      break;
    } catch {
      // A damaged page ends this pass.
    }
  }
  return [...rows.values()];
}

/** A run that can not be read again is none. */
function salvageRun(database: Database, row: Row): boolean {
  const id = runIdOf(row['id']);
  if (!insert(database, 'runs', { ...row, id: runKey(id) })) return false;
  try {
    return getRun(database, id) !== null;
  } catch {
    database.change('DELETE FROM runs WHERE id = ?', runKey(id));
    return false;
  }
}

/** Columns that this version does not know are left out. False = it is there already, or the store refuses it. */
function insert(database: Database, table: string, row: Row): boolean {
  const known = new Set(database.all(`SELECT name FROM pragma_table_info('${table}')`).map((column) => column['name']));
  const names = Object.keys(row).filter((name) => known.has(name));
  const places = names.map(() => '?').join(', ');
  try {
    const text = `INSERT OR IGNORE INTO ${table} (${names.join(', ')}) VALUES (${places})`;
    return database.change(text, ...names.map((name) => row[name] ?? null)).changes > 0;
  } catch {
    return false;
  }
}

/** A copy of the file that begins with these bytes: a header, or the first page, which also holds the places of the tables. False when there is no space. */
function mend(damaged: string, copy: string, start: Buffer): boolean {
  try {
    const { size } = statSync(damaged);
    if (size === 0) return false;
    const pages = Math.ceil(size / pageBytes);
    copyFileSync(damaged, copy);
    truncateSync(copy, pages * pageBytes);
    if (existsSync(`${damaged}-wal`)) copyFileSync(`${damaged}-wal`, `${copy}-wal`);
    // sqlite.org/fileformat2.html, 1.3: size in pages; no free pages.
    start.writeUInt32BE(pages, 28);
    start.fill(0, 32, 40);
    const to = openSync(copy, 'r+');
    writeSync(to, start, 0, start.length, 0);
    closeSync(to);
    return true;
  } catch {
    return false;
  }
}

/** Of a store that was made just now: its tables are where they are in all that began with this version, whatever is in them. Null when there is no space. */
function freshPage(template: string): Buffer | null {
  try {
    new Database(template).close();
    return readFileSync(template).subarray(0, pageBytes);
  } catch {
    return null;
  } finally {
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${template}${suffix}`, { force: true });
  }
}
