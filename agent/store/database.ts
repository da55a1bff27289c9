/**
 * The store: node:sqlite in WAL mode, so that a kill -9 loses nothing that was acknowledged.
 *
 * Given a reserve, it goes on without space: the reserve is freed first; when that does not suffice, writes stay in one open
 * transaction in memory, where all parts read them as ever, until `recover` can commit it.
 */
import { randomUUID } from 'node:crypto';
import { chmodSync, existsSync } from 'node:fs';
import { DatabaseSync, type StatementSync, type SQLInputValue } from 'node:sqlite';
import { migrate, refuseNewer } from './migrations.ts';
import type { Reserve } from './reserve.ts';
import { isDamage, isOutOfSpace, storeError, StoreError } from './storeErrors.ts';

export type Row = Readonly<Record<string, string | number | bigint | null | Uint8Array>>;

export interface DatabaseOptions {
  /** Only to look: no migration, no change; the schema may be older. */
  readonly readOnly?: boolean;
  /** Makes it survive a full or failing disk; without it such a write throws, as is right for a command. */
  readonly reserve?: Reserve;
  /** Puts a sound store in the place of the damaged one; it is opened again afterwards. Without it damage throws. */
  readonly repair?: (cause: Error) => void;
}

/** `low`: the reserve is used up, writes still reach the disk. `held`: they are kept in memory. */
export interface StoreCondition {
  readonly state: 'ok' | 'low' | 'held';
  /** What the system said, null while all is well. */
  readonly cause: string | null;
  /** Changes that are in memory alone. */
  readonly held: number;
}

interface Change {
  readonly text: string;
  readonly values: readonly SQLInputValue[];
}

/** Held changes are kept for a second try at a commit up to this much text; beyond it the events are let go. */
const mostHeldBytes = 16 * 1024 * 1024;

export class Database {
  readonly file: string;
  readonly #options: DatabaseOptions;
  #sql: DatabaseSync;
  #statements = new Map<string, StatementSync>();
  #epoch = '';
  /** Changes of the transaction that is going on; null outside. */
  #changes: Change[] | null = null;
  #afterCommit: (() => void)[] = [];
  #held: { readonly changes: Change[]; bytes: number; count: number; whole: boolean } | null = null;
  #condition: Omit<StoreCondition, 'held'> = { state: 'ok', cause: null };
  readonly #listeners = new Set<() => void>();
  #repairing = false;
  #closed = false;

  constructor(file: string, options: DatabaseOptions = {}) {
    this.file = file;
    this.#options = options;
    this.#sql = this.#open();
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

  all(text: string, ...values: SQLInputValue[]): readonly Row[] {
    return this.#guarded(() => this.#statement(text).all(...values));
  }

  get(text: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#guarded(() => this.#statement(text).get(...values));
  }

  /** Runs a changing statement; returns the number of changed rows and the last row id. */
  change(text: string, ...values: SQLInputValue[]): { readonly changes: number; readonly rowId: number } {
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
      const held = this.#held !== null;
      this.#begin(held ? 'SAVEPOINT work' : 'BEGIN IMMEDIATE');
      const changes: Change[] = [];
      this.#changes = changes;
      let result: T;
      try {
        result = work();
      } catch (error) {
        this.#undo(held);
        throw error;
      } finally {
        this.#changes = null;
      }
      this.#end(held, changes);
      this.#committed();
      return result;
    });
  }

  /** Calls back once what was written so far is committed: at once, or at the end of the transaction that is going on. */
  afterCommit(callback: () => void): void {
    if (this.#changes === null) callback();
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
    const { reserve } = this.#options;
    if (this.#condition.state === 'ok' || reserve === undefined || this.#changes !== null)
      return this.#condition.state === 'ok';
    if (this.#held !== null) {
      if (!reserve.hasRoom(this.#held.bytes * 2)) return false;
      const { changes, whole } = this.#held;
      this.#held = null;
      try {
        this.#sql.exec('COMMIT');
      } catch (error) {
        this.#rollBack();
        this.#hold(whole ? changes : [], error);
        return false;
      }
      this.#become('low', this.#condition.cause);
    }
    this.#checkpoint();
    if (!reserve.create()) return false;
    this.#become('ok', null);
    return true;
  }

  /** Repairs a store that a check from outside found damaged. */
  replaceDamaged(problem: string): void {
    this.#replace(new Error(problem));
  }

  /** What is held and can not be brought to the disk now is lost; returns how many changes that were. */
  close(): number {
    if (this.#closed) return 0;
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
      if (this.file !== ':memory:') restrictToOwner(this.file);
      // FULL: the record of a start or end must survive a power cut, not only a killed agent.
      // No spill and no temporary files: only a commit writes, so only a commit can meet a full disk.
      sql.exec(
        `PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
         PRAGMA cache_spill = OFF; PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 16777216;`,
      );
      sql.exec(`PRAGMA wal_autocheckpoint = ${logPages(this.#options.reserve)}`);
      migrate(sql);
      this.#statements = new Map();
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
      return true;
    } finally {
      this.#repairing = false;
    }
  }

  #begin(text: string): void {
    try {
      this.#sql.exec(text);
    } catch (error) {
      throw storeError(this.file, error);
    }
  }

  #undo(held: boolean): void {
    this.#afterCommit = [];
    if (held && this.#held !== null) this.#sql.exec('ROLLBACK TO work; RELEASE work');
    else this.#rollBack();
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
      this.#rollBack();
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
    this.#checkpoint();
    try {
      this.#sql.exec('BEGIN IMMEDIATE');
      const result = this.#replay(changes);
      this.#sql.exec('COMMIT');
      this.#become('low', cause.message);
      return result;
    } catch (error) {
      this.#rollBack();
      if (!isOutOfSpace(error)) throw storeError(this.file, error);
      return this.#hold(changes, error);
    }
  }

  #hold(changes: readonly Change[], cause: unknown): { readonly changes: number; readonly rowId: number } {
    this.#sql.exec('BEGIN IMMEDIATE');
    this.#held = { changes: [], bytes: 0, count: 0, whole: true };
    const result = this.#replay(changes);
    this.#keep(changes);
    this.#become('held', cause instanceof Error ? cause.message : String(cause));
    return result;
  }

  #keep(changes: readonly Change[]): void {
    const held = this.#held;
    if (held === null) return;
    held.count += changes.length;
    for (const change of changes) held.bytes += sizeOf(change);
    if (held.whole) held.changes.push(...changes);
    if (held.bytes < mostHeldBytes) return;
    // Clients see the gap and take a snapshot; the freed pages are used again, so memory stays bounded.
    this.#sql.exec('DELETE FROM events');
    held.changes.length = 0;
    held.whole = false;
    held.bytes = 0;
  }

  #replay(changes: readonly Change[]): { readonly changes: number; readonly rowId: number } {
    return changes.map((change) => this.#apply(change)).at(-1) ?? { changes: 0, rowId: 0 };
  }

  #apply({ text, values }: Change): { readonly changes: number; readonly rowId: number } {
    const { changes, lastInsertRowid } = this.#statement(text).run(...values);
    return { changes: Number(changes), rowId: Number(lastInsertRowid) };
  }

  #rollBack(): void {
    try {
      this.#sql.exec('ROLLBACK');
    } catch {
      // SQLite has rolled back by itself (sqlite.org, "Response To Errors Within A Transaction").
    }
  }

  /** Moves the log into the main file and gives its space back; whatever stops that stops only this. */
  #checkpoint(): void {
    try {
      this.#sql.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } catch {
      // A reader holds it, or there is no space: the next call tries again.
    }
  }

  #become(state: StoreCondition['state'], cause: string | null): void {
    if (state === this.#condition.state) return;
    this.#condition = { state, cause };
    for (const listener of this.#listeners) listener();
  }

  #statement(text: string): StatementSync {
    let statement = this.#statements.get(text);
    if (statement === undefined) {
      statement = this.#sql.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }
}

/** The log stays at half of the reserve, so that freeing that always suffices to bring the log into the main file. */
function logPages(reserve: Reserve | undefined): number {
  return reserve === undefined ? 512 : Math.max(16, Math.min(1000, Math.floor(reserve.bytes / 4096 / 2)));
}

function readEpoch(sql: DatabaseSync): string {
  sql.prepare("INSERT OR IGNORE INTO meta (key, value) VALUES ('epoch', ?)").run(randomUUID());
  return String(sql.prepare("SELECT value FROM meta WHERE key = 'epoch'").get()?.['value']);
}

function sizeOf({ text, values }: Change): number {
  return values.reduce<number>((sum, value) => sum + (typeof value === 'string' ? value.length : 8), text.length);
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
