/**
 * Deletes history by age, number and size. A run's directory goes before its row, so that a crash in between leaves a row that the
 * next sweep takes, never a directory that nobody knows. It works in small steps, with the event loop free in between.
 */
import { lstat, readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { RetentionSettings } from '../config/retention.ts';
import { RunDirectory } from '../run/directory.ts';
import { callAt, type Clock } from '../schedule/clock.ts';
import type { Database } from './database.ts';
import { deleteEventsBefore, latestEvent } from './events.ts';
import { runIdOf, runKey } from './runKeys.ts';
import { countSamples, deleteEmptySeries, deleteSamples } from './samples.ts';

const everyMs = 3_600_000;
/** The first sweep leaves a starting host in peace. */
const firstMs = 60_000;
const dayMs = 86_400_000;
const batch = 100;

export interface RetentionParts {
  readonly database: Database;
  readonly clock: Clock;
  /** Folder `runs/`. */
  readonly root: string;
  /** Null = everything is kept. */
  readonly settings: () => RetentionSettings | null;
  readonly log: { info(fields: object, message: string): void; error(fields: object, message: string): void };
}

export interface Swept {
  readonly runs: number;
  readonly events: number;
  /** Size of what is left in run directories. */
  readonly bytes: number;
}

export class Retention {
  readonly #parts: RetentionParts;
  /** Sizes of ended runs, which no longer change. */
  readonly #sizes = new Map<string, number>();
  #disarm: () => void = () => undefined;
  #sweeping: Promise<Swept> | null = null;
  #running = false;

  constructor(parts: RetentionParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#running = true;
    this.#arm(firstMs);
  }

  async stop(): Promise<void> {
    this.#running = false;
    this.#disarm();
    await this.#sweeping?.catch(() => undefined);
  }

  /** Deletes what is due now; callers share a sweep that is going on. */
  sweep(): Promise<Swept> {
    this.#sweeping ??= this.#sweep().finally(() => {
      this.#sweeping = null;
    });
    return this.#sweeping;
  }

  #arm(inMs: number): void {
    this.#disarm();
    if (!this.#running) return;
    this.#disarm = callAt(this.#parts.clock, this.#parts.clock.now() + inMs, () => {
      this.sweep().then(
        ({ runs, events }) => {
          if (runs + events > 0) this.#parts.log.info({ runs, events }, 'old history was deleted');
          this.#arm(everyMs);
        },
        (error: unknown) => {
          this.#parts.log.error({ err: error }, 'old history could not be deleted');
          this.#arm(everyMs);
        },
      );
    });
  }

  async #sweep(): Promise<Swept> {
    const settings = this.#parts.settings();
    if (settings === null) return { runs: 0, events: 0, bytes: await sizeOfFolder(this.#parts.root) };
    const { runs: limits, events: eventLimits, samples: sampleLimits } = settings;
    const now = this.#parts.clock.now();
    const kept = await this.#keptRuns();
    let runs = await this.#deleteOld(now - limits.days * dayMs, kept);
    runs += await this.#deleteBeyond(limits.count, kept);
    const size = await this.#deleteLargest(limits.max_bytes, kept);
    this.#deleteClosed(now - limits.days * dayMs);
    const events = await this.#deleteEvents(now - eventLimits.days * dayMs, eventLimits.count);
    await this.#deleteSamples(now - sampleLimits.days * dayMs, sampleLimits.count);
    await this.#deleteEmptyDays(now);
    return { runs: runs + size.runs, events, bytes: size.bytes };
  }

  /** Runs that stay: open ones, of each task the newest and the last good one. */
  async #keptRuns(): Promise<ReadonlySet<string>> {
    const { database } = this.#parts;
    const kept = new Set(database.all("SELECT id FROM runs WHERE state <> 'ended'").map((row) => runIdOf(row['id'])));
    for (const task of this.#tasks()) {
      for (const good of ['', "AND dry_run = 0 AND outcome IN ('changed', 'unchanged', 'warning')"]) {
        const text = `SELECT id FROM runs WHERE task = ? AND kind = 'task' ${good} ORDER BY queued_at DESC, id DESC LIMIT 1`;
        const row = database.get(text, task);
        if (row !== undefined) kept.add(runIdOf(row['id']));
      }
      await nextTurn();
    }
    return kept;
  }

  async #deleteOld(before: number, kept: ReadonlySet<string>): Promise<number> {
    const rows = this.#parts.database.all(
      "SELECT id FROM runs WHERE queued_at < ? AND state = 'ended' AND coalesce(ended_at, queued_at) < ?",
      ...[before, before],
    );
    return this.#delete(rows.map((row) => runIdOf(row['id'])).filter((id) => !kept.has(id)));
  }

  async #deleteBeyond(count: number, kept: ReadonlySet<string>): Promise<number> {
    let deleted = 0;
    for (const task of this.#tasks()) {
      const text = 'SELECT id FROM runs WHERE task = ? ORDER BY queued_at DESC, id DESC LIMIT -1 OFFSET ?';
      const rows = this.#parts.database.all(text, task, count);
      deleted += await this.#delete(rows.map((row) => runIdOf(row['id'])).filter((id) => !kept.has(id)));
      await nextTurn();
    }
    return deleted;
  }

  async #deleteLargest(
    most: number,
    kept: ReadonlySet<string>,
  ): Promise<{ readonly runs: number; readonly bytes: number }> {
    const sizes: { readonly id: string; readonly bytes: number }[] = [];
    let bytes = 0;
    for (const row of this.#parts.database.all('SELECT id, state FROM runs ORDER BY queued_at, id')) {
      const id = runIdOf(row['id']);
      const size = await this.#sizeOf(id, row['state'] === 'ended');
      bytes += size;
      sizes.push({ id, bytes: size });
    }
    const due: string[] = [];
    for (const { id, bytes: size } of sizes) {
      if (bytes <= most) break;
      if (kept.has(id) || size === 0) continue;
      due.push(id);
      bytes -= size;
    }
    return { runs: await this.#delete(due), bytes };
  }

  #deleteClosed(before: number): void {
    const { database } = this.#parts;
    database.change("DELETE FROM alerts WHERE state = 'resolved' AND updated_at < ?", before);
    database.change('DELETE FROM notices WHERE seen < ?', before);
    database.change("DELETE FROM windows WHERE state IN ('closed', 'aborted') AND starts_at < ?", before);
  }

  async #deleteEvents(before: number, count: number): Promise<number> {
    const { database } = this.#parts;
    const young = database.get('SELECT seq FROM events WHERE at >= ? ORDER BY seq LIMIT 1', before)?.['seq'];
    const latest = latestEvent(database);
    const end = Math.max(typeof young === 'number' ? young : latest + 1, latest - count + 1);
    let deleted = 0;
    for (;;) {
      const oldest = database.get('SELECT min(seq) AS seq FROM events')?.['seq'];
      if (typeof oldest !== 'number' || oldest >= end) return deleted;
      deleted += deleteEventsBefore(database, Math.min(end, oldest + 10 * batch));
      await nextTurn();
    }
  }

  async #deleteSamples(before: number, count: number): Promise<void> {
    const { database } = this.#parts;
    let excess = countSamples(database) - count;
    for (let deleted = 1; deleted > 0; excess -= deleted) {
      deleted = deleteSamples(database, { before, excess, limit: 10 * batch });
      await nextTurn();
    }
    deleteEmptySeries(database);
  }

  async #delete(ids: readonly string[]): Promise<number> {
    const { database, root } = this.#parts;
    for (let start = 0; start < ids.length; start += batch) {
      const some = ids.slice(start, start + batch);
      for (const id of some) {
        const directory = RunDirectory.of(root, id);
        if (directory !== null) await rm(directory.path, { recursive: true, force: true });
        this.#sizes.delete(id);
      }
      database.transaction(() => {
        for (const id of some) database.change("DELETE FROM runs WHERE id = ? AND state = 'ended'", runKey(id));
      });
    }
    return ids.length;
  }

  async #sizeOf(id: string, ended: boolean): Promise<number> {
    const known = this.#sizes.get(id);
    if (known !== undefined) return known;
    const directory = RunDirectory.of(this.#parts.root, id);
    if (directory === null) return 0;
    const bytes = await sizeOfFolder(directory.path);
    if (ended) this.#sizes.set(id, bytes);
    return bytes;
  }

  /** A loose index scan: one step for each task, not one for each run (sqlite.org/optoverview.html, 4.1). */
  #tasks(): readonly string[] {
    const rows = this.#parts.database.all(
      `WITH RECURSIVE names(task) AS (
         SELECT min(task) FROM runs
         UNION ALL SELECT (SELECT min(task) FROM runs WHERE runs.task > names.task) FROM names WHERE names.task IS NOT NULL
       ) SELECT task FROM names WHERE task IS NOT NULL`,
    );
    return rows.map((row) => String(row['task']));
  }

  async #deleteEmptyDays(now: number): Promise<void> {
    const today = new Date(now).toISOString().slice(0, 10);
    for (const day of await namesIn(this.#parts.root)) {
      if (!/^\d{4}-\d{2}-\d{2}$/.test(day) || day >= today) continue;
      // Only an empty folder can be removed so.
      await rmdir(join(this.#parts.root, day)).catch(() => undefined);
    }
  }
}

/** Bytes on the disk; a sparse or compressed file counts as what it takes. */
async function sizeOfFolder(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await namesIn(folder)) {
    const stats = await lstat(join(folder, name)).catch(() => null);
    if (stats === null) continue;
    bytes += stats.isDirectory() ? await sizeOfFolder(join(folder, name)) : stats.blocks * 512;
  }
  return bytes;
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}
