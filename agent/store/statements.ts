/** Statements of one connection, prepared once. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';

export class Statements {
  readonly #sql: DatabaseSync;
  readonly #all = new Map<string, StatementSync>();

  constructor(sql: DatabaseSync) {
    this.#sql = sql;
  }

  of(text: string): StatementSync {
    let statement = this.#all.get(text);
    if (statement === undefined) {
      statement = this.#sql.prepare(text);
      this.#all.set(text, statement);
    }
    return statement;
  }
}
