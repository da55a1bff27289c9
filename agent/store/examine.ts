/** Is a store file sound? Read only; nothing is changed. */
import { existsSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { isDamage, storeError } from './storeErrors.ts';

export type Verdict =
  | { readonly kind: 'ok' | 'missing' }
  /** What is wrong, as the end of a sentence. */
  | { readonly kind: 'damaged'; readonly problem: string };

/** A larger file is checked in part at the start: its schema, not each page, which takes 3 ms per MB. */
export const wholeUpTo = 16 * 1024 * 1024;

/** Throws StoreError when the file can not be read at all. `thorough` looks at every page and index, whatever the size. */
export function examine(file: string, thorough = false): Verdict {
  if (!existsSync(file)) return { kind: 'missing' };
  // SQLite takes an empty file for a new store: what was in it would be gone without a word.
  const { size } = statSync(file);
  if (size === 0) return { kind: 'damaged', problem: 'it is empty' };
  let sql: DatabaseSync | null = null;
  try {
    sql = new DatabaseSync(file, { readOnly: true });
    sql.exec('PRAGMA busy_timeout = 5000');
    const missing = missingTables(sql);
    if (missing.length > 0) return { kind: 'damaged', problem: `it has no table ${missing.join(', ')}` };
    if (!thorough && size > wholeUpTo) return { kind: 'ok' };
    const rows = sql.prepare(thorough ? 'PRAGMA integrity_check(3)' : 'PRAGMA quick_check(1)').all();
    const text = rows.map((row) => String(Object.values(row)[0])).join('; ');
    return text === 'ok' ? { kind: 'ok' } : { kind: 'damaged', problem: text.replaceAll(/\s+/g, ' ') };
  } catch (error) {
    if (isDamage(error)) return { kind: 'damaged', problem: error.message };
    throw storeError(file, error);
  } finally {
    sql?.close();
  }
}

/** Those that hold what can not be made again; every version of the schema has them, once it was migrated. */
function missingTables(sql: DatabaseSync): readonly string[] {
  const version = Number(Object.values(sql.prepare('PRAGMA user_version').get() ?? {})[0]);
  const names = new Set(
    sql
      .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
      .all()
      .map((row) => row['name']),
  );
  // Killed while it was being made: there is nothing in it, and migrations go on from here.
  if (version === 0 && names.size === 0) return [];
  return ['meta', 'runs', 'events', 'audit', 'tokens'].filter((name) => !names.has(name));
}
