/** Opens the store: node:sqlite in WAL mode, so that a kill -9 loses nothing that was acknowledged. */
import { randomUUID } from 'node:crypto';
import { chmodSync, existsSync } from 'node:fs';
import { DatabaseSync, type StatementSync, type SQLInputValue } from 'node:sqlite';
import { migrate } from './migrations.ts';

export type Row = Readonly<Record<string, string | number | bigint | null | Uint8Array>>;

export class Database {
  readonly #sql: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #inTransaction = false;
  #closed = false;
  /** Identity of this store; another one means that event numbers start anew. */
  readonly epoch: string;

  constructor(file: string) {
    this.#sql = new DatabaseSync(file);
    if (file !== ':memory:') restrictToOwner(file);
    // FULL: the record of a start or end must survive a power cut, not only a killed agent.
    this.#sql.exec(
      'PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;',
    );
    migrate(this.#sql);
    this.epoch = this.#readEpoch();
  }

  all(text: string, ...values: SQLInputValue[]): readonly Row[] {
    return this.#statement(text).all(...values);
  }

  get(text: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#statement(text).get(...values);
  }

  /** Runs a changing statement; returns the number of changed rows and the last row id. */
  change(text: string, ...values: SQLInputValue[]): { readonly changes: number; readonly rowId: number } {
    const { changes, lastInsertRowid } = this.#statement(text).run(...values);
    return { changes: Number(changes), rowId: Number(lastInsertRowid) };
  }

  /** Runs `work` in one transaction; nested calls join the outer one. */
  transaction<T>(work: () => T): T {
    if (this.#inTransaction) return work();
    this.#sql.exec('BEGIN IMMEDIATE');
    this.#inTransaction = true;
    try {
      const result = work();
      this.#sql.exec('COMMIT');
      return result;
    } catch (error) {
      this.#sql.exec('ROLLBACK');
      throw error;
    } finally {
      this.#inTransaction = false;
    }
  }

  close(): void {
    if (!this.#closed) this.#sql.close();
    this.#closed = true;
  }

  #statement(text: string): StatementSync {
    let statement = this.#statements.get(text);
    if (statement === undefined) {
      statement = this.#sql.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }

  #readEpoch(): string {
    this.change("INSERT OR IGNORE INTO meta (key, value) VALUES ('epoch', ?)", randomUUID());
    return String(this.get("SELECT value FROM meta WHERE key = 'epoch'")?.['value']);
  }
}

function restrictToOwner(file: string): void {
  for (const name of [file, `${file}-wal`, `${file}-shm`]) if (existsSync(name)) chmodSync(name, 0o600);
}

/** Milliseconds ↔ the ISO text of the wire; null stays null. */
export function isoOf(value: Row[string] | undefined): string | null {
  return typeof value === 'number' ? new Date(value).toISOString() : null;
}
export function millisecondsOf(text: string | null): number | null {
  return text === null ? null : Date.parse(text);
}
