/** The store as it is at one moment, read beside a running agent: what the agent writes meanwhile is not seen (sqlite.org/isolation.html). */
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import type { Row } from './database.ts';
import { refuseNewer } from './migrations.ts';
import { Statements } from './statements.ts';
import { storeError } from './storeErrors.ts';

export class StoreSnapshot {
  readonly file: string;
  readonly #sql: DatabaseSync;
  readonly #statements: Statements;

  /** Throws StoreError when there is no store that can be read. */
  constructor(file: string) {
    refuseNewer(file);
    this.file = file;
    let sql: DatabaseSync | null = null;
    try {
      sql = new DatabaseSync(file, { readOnly: true });
      // A deferred transaction begins with its first read.
      sql.exec('PRAGMA busy_timeout = 5000; BEGIN; SELECT count(*) FROM sqlite_schema');
      this.#sql = sql;
      this.#statements = new Statements(sql);
    } catch (error) {
      sql?.close();
      throw storeError(file, error);
    }
  }

  all(text: string, ...values: SQLInputValue[]): readonly Row[] {
    return this.#read(() => this.#statements.of(text).all(...values));
  }

  get(text: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#read(() => this.#statements.of(text).get(...values));
  }

  close(): void {
    this.#sql.close();
  }

  #read<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw storeError(this.file, error);
    }
  }
}
