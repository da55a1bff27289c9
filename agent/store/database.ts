/**
 * The store: node:sqlite in WAL mode, so that a kill -9 loses nothing that was acknowledged.
 *
 * Given a reserve, it goes on without space: the reserve is freed first; when that does not suffice, writes stay in one open
 * transaction in memory, where all parts read them as ever, until `recover` can commit it.
 */
import { randomUUID } from 'node:crypto';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { errorOf, messageOf } from '../thrown.ts';
import { CommitGroup } from './commitGroup.ts';
import { checkpoint, prepareFile, readEpoch, rollBack } from './databaseFile.ts';
import type { DatabaseOptions, StoreCondition } from './databaseOptions.ts';
import { HeldChanges, type Change } from './heldChanges.ts';
import { migrate, refuseNewer } from './migrations.ts';
import { Statements } from './statements.ts';
import { isDamage, isOutOfSpace, storeError, StoreError } from './storeErrors.ts';

export type { DatabaseOptions, StoreCondition } from './databaseOptions.ts';

export type Row = Readonly<Record<string, string | number | bigint | null | Uint8Array>>;

export class Database {
  readonly file: string;
  readonly #options: DatabaseOptions;
  #sql: DatabaseSync;
  #statements: Statements;
  #epoch = '';
  /** Changes of the transaction that is going on; null outside. */
  #changes: Change[] | null = null;
  /** Changes that wait for their common commit, in an open transaction. */
  #group: CommitGroup<Change> | null = null;
  #afterCommit: (() => void)[] = [];
  #held: HeldChanges | null = null;
  #condition: Omit<StoreCondition, 'held'> = { state: 'ok', cause: null };
  readonly #listeners = new Set<() => void>();
  #repairing = false;
  #closed = false;

  constructor(file: string, options: DatabaseOptions = {}) {
    this.file = file;
    this.#options = options;
    this.#sql = this.#open();
    this.#statements = new Statements(this.#sql);
    const { reserve } = options;
    if (reserve === undefined) return;
    // A reserve that is gone was freed by an agent that may have died with held events: their numbers were seen.
    if (this.get("SELECT 1 FROM meta WHERE key = 'reserve'") !== undefined && !reserve.exists()) this.renewEpoch();
    if (reserve.create()) this.change("INSERT OR IGNORE INTO meta (key, value) VALUES ('reserve', 'made')");
    else this.#condition = { state: 'low', cause: 'there is no space for the reserve' };
  }

  /** Identity of this store; another one means that event numbers start anew. */
  get epoch(): string {
    return this.#epoch;
  }

  /** Tells clients that what they know of event numbers no longer holds. */
  renewEpoch(): void {
    this.#epoch = randomUUID();
    this.change("INSERT OR REPLACE INTO meta (key, value) VALUES ('epoch', ?)", this.#epoch);
  }

  /** What is read is on the disk, outside of a transaction: a group that waits is committed first. */
  all(text: string, ...values: SQLInputValue[]): readonly Row[] {
    this.settle();
    return this.peekAll(text, ...values);
  }

  get(text: string, ...values: SQLInputValue[]): Row | undefined {
    this.settle();
    return this.peek(text, ...values);
  }

  /** As `get`, but sees what is not committed yet: for what nobody is told before it is. */
  peek(text: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#guarded(() => this.#statements.of(text).get(...values));
  }

  peekAll(text: string, ...values: SQLInputValue[]): readonly Row[] {
    return this.#guarded(() => this.#statements.of(text).all(...values));
  }

  get gathering(): boolean {
    return this.#group !== null;
  }

  /** Runs a changing statement; returns the number of changed rows and the last row id. */
  change(text: string, ...values: SQLInputValue[]): { readonly changes: number; readonly rowId: number } {
    this.settle();
    return this.#guarded(() => {
      const change = { text, values };
      if (this.#changes !== null) {
        const result = this.#apply(change);
        this.#changes.push(change);
        return result;
      }
      if (this.#held !== null) {
        const result = this.#apply(change);
        this.#keep([change]);
        return result;
      }
      try {
        return this.#apply(change);
      } catch (error) {
        if (!this.#canEscape(error)) throw storeError(this.file, error);
        return this.#escape([change], error);
      }
    });
  }

  /** Runs `work` in one transaction; nested calls join the outer one. */
  transaction<T>(work: () => T): T {
    if (this.#changes !== null) return work();
    return this.#guarded(() => {
      if (this.#group !== null) return this.#lastOf(this.#group, work);
      const held = this.#held !== null;
      this.#begin(held ? 'SAVEPOINT work' : 'BEGIN IMMEDIATE');
      const { result, changes } = this.#collect(work, held);
      this.#end(held, changes);
      this.#committed();
      return result;
    });
  }

  /**
   * Does `work` at once, in a transaction that others join until the event loop has nothing more for it, and calls `done` when all of it
   * is on the disk (`null`) or is not (the reason). What `work` throws undoes its own part, is thrown, and `done` is not called.
   */
  together(work: () => void, done: (error: Error | null) => void): void {
    if (this.#changes !== null)
      throw new Error('a transaction is going on: what is done in it shares its commit anyway');
    if (this.#held !== null) {
      this.transaction(work);
      done(null);
      return;
    }
    this.#guarded(() => {
      if (this.#group === null) this.#begin('BEGIN IMMEDIATE');
      this.#group ??= new CommitGroup(() => {
        this.settle();
      });
      this.#join(this.#group, work, done);
    });
  }

  /** Calls back once what was written so far is committed: at once, or at the end of the transaction that is going on. */
  afterCommit(callback: () => void): void {
    if (this.#changes === null && this.#group === null) callback();
    else this.#afterCommit.push(callback);
  }

  condition(): StoreCondition {
    return { ...this.#condition, held: this.#held?.count ?? 0 };
  }

  onCondition(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tries to bring held changes to the disk and to make the reserve again. True when all is well. */
  recover(): boolean {
    this.settle();
    const { reserve } = this.#options;
    if (this.#condition.state === 'ok' || reserve === undefined || this.#changes !== null)
      return this.#condition.state === 'ok';
    if (this.#held !== null) {
      if (!reserve.hasRoom(this.#held.bytes * 2)) return false;
      const { changes } = this.#held;
      this.#held = null;
      try {
        this.#sql.exec('COMMIT');
      } catch (error) {
        rollBack(this.#sql);
        this.#hold(changes, error);
        return false;
      }
      this.#become('low', this.#condition.cause);
    }
    checkpoint(this.#sql);
    if (!reserve.create()) return false;
    this.#become('ok', null);
    return true;
  }

  /** Commits at once what waits for a common commit. Never throws: those who wait are told what went wrong. */
  settle(): void {
    const group = this.#group;
    if (group === null || this.#changes !== null) return;
    this.#group = null;
    try {
      this.#guarded(() => {
        this.#end(false, group.changes);
      });
    } catch (error) {
      group.end(errorOf(error));
      return;
    }
    this.#committed();
    group.end(null);
  }

  /** Repairs a store that a check from outside found damaged. */
  replaceDamaged(problem: string): void {
    this.#replace(new Error(problem));
  }

  /** What is held and can not be brought to the disk now is lost; returns how many changes that were. */
  close(): number {
    if (this.#closed) return 0;
    this.settle();
    if (this.#held !== null) this.recover();
    const lost = this.#held?.count ?? 0;
    this.#closed = true;
    this.#sql.close();
    return lost;
  }

  #open(): DatabaseSync {
    refuseNewer(this.file);
    let sql: DatabaseSync | null = null;
    try {
      const readOnly = this.#options.readOnly === true;
      sql = new DatabaseSync(this.file, { readOnly });
      if (readOnly) return sql;
      prepareFile(sql, this.file, this.#options.reserve);
      migrate(sql, this.#options.reserve);
      this.#epoch = readEpoch(sql);
      return sql;
    } catch (error) {
      sql?.close();
      throw storeError(this.file, error);
    }
  }

  /** Damage is repaired where that was arranged; the work that met it fails, the next one finds a sound store. */
  #guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (!isDamage(error)) throw error;
      if (!this.#replace(error)) throw storeError(this.file, error);
      throw new StoreError(`The store ${this.file} was found damaged and has been made anew: try again.`, null, error);
    }
  }

  #replace(cause: Error): boolean {
    const { repair } = this.#options;
    if (repair === undefined || this.#repairing) return false;
    this.#repairing = true;
    try {
      this.#sql.close();
      this.#held = null;
      repair(cause);
      this.#sql = this.#open();
      this.#statements = new Statements(this.#sql);
      return true;
    } finally {
      this.#repairing = false;
      this.#drop(cause);
    }
  }

  #begin(text: string): void {
    try {
      this.#sql.exec(text);
    } catch (error) {
      throw storeError(this.file, error);
    }
  }

  /** Does `work` and gives its changes; what it throws undoes them. `within` = in a savepoint of a longer transaction. */
  #collect<T>(work: () => T, within: boolean): { readonly result: T; readonly changes: readonly Change[] } {
    const changes: Change[] = [];
    const callbacks = this.#afterCommit.length;
    this.#changes = changes;
    try {
      return { result: work(), changes };
    } catch (error) {
      this.#changes = null;
      this.#afterCommit.length = callbacks;
      if (!within) rollBack(this.#sql);
      else this.#undoWork(errorOf(error));
      throw error;
    } finally {
      this.#changes = null;
    }
  }

  #join<T>(group: CommitGroup<Change>, work: () => T, done: (error: Error | null) => void): T {
    this.#sql.exec('SAVEPOINT work');
    const { result, changes } = this.#collect(work, true);
    this.#sql.exec('RELEASE work');
    group.join(changes, done);
    return result;
  }

  #undoWork(cause: Error): void {
    try {
      this.#sql.exec('ROLLBACK TO work; RELEASE work');
    } catch {
      // SQLite has undone the whole transaction by itself, and so what others wait for.
      this.#drop(cause);
    }
  }

  #drop(cause: Error): void {
    const group = this.#group;
    this.#group = null;
    this.#afterCommit = [];
    group?.end(cause);
  }

  /** A transaction that must be on the disk at its end takes the group with it. */
  #lastOf<T>(group: CommitGroup<Change>, work: () => T): T {
    let problem: Error | null = null as Error | null;
    const result = this.#join(group, work, (error) => {
      problem = error;
    });
    this.settle();
    if (problem !== null) throw problem;
    return result;
  }

  #end(held: boolean, changes: readonly Change[]): void {
    if (held) {
      this.#sql.exec('RELEASE work');
      this.#keep(changes);
      return;
    }
    try {
      this.#sql.exec('COMMIT');
    } catch (error) {
      rollBack(this.#sql);
      if (!this.#canEscape(error)) {
        this.#afterCommit = [];
        throw storeError(this.file, error);
      }
      this.#escape(changes, error);
    }
  }

  #committed(): void {
    const callbacks = this.#afterCommit;
    this.#afterCommit = [];
    for (const callback of callbacks) callback();
  }

  #canEscape(error: unknown): error is Error {
    return this.#options.reserve !== undefined && isOutOfSpace(error);
  }

  /** A commit had no space: frees the reserve and tries again, then holds the changes in memory. */
  #escape(changes: readonly Change[], cause: Error): { readonly changes: number; readonly rowId: number } {
    this.#options.reserve?.release();
    checkpoint(this.#sql);
    try {
      this.#sql.exec('BEGIN IMMEDIATE');
      const result = this.#replay(changes);
      this.#sql.exec('COMMIT');
      this.#become('low', cause.message);
      return result;
    } catch (error) {
      rollBack(this.#sql);
      if (!isOutOfSpace(error)) throw storeError(this.file, error);
      return this.#hold(changes, error);
    }
  }

  #hold(changes: readonly Change[], cause: unknown): { readonly changes: number; readonly rowId: number } {
    this.#sql.exec('BEGIN IMMEDIATE');
    this.#held = new HeldChanges();
    const result = this.#replay(changes);
    this.#keep(changes);
    this.#become('held', messageOf(cause));
    return result;
  }

  #keep(changes: readonly Change[]): void {
    // Clients see the gap and take a snapshot; the freed pages are used again, so memory stays bounded.
    if (this.#held?.add(changes) === 'too many') this.#sql.exec('DELETE FROM events');
  }

  #replay(changes: readonly Change[]): { readonly changes: number; readonly rowId: number } {
    return changes.map((change) => this.#apply(change)).at(-1) ?? { changes: 0, rowId: 0 };
  }

  #apply({ text, values }: Change): { readonly changes: number; readonly rowId: number } {
    const { changes, lastInsertRowid } = this.#statements.of(text).run(...values);
    return { changes: Number(changes), rowId: Number(lastInsertRowid) };
  }

  #become(state: StoreCondition['state'], cause: string | null): void {
    if (state === this.#condition.state) return;
    this.#condition = { state, cause };
    for (const listener of this.#listeners) listener();
  }
}
