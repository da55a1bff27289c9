/** Runs: the index of what the run directories hold. */
import type { SQLInputValue } from 'node:sqlite';
import type * as z from 'zod';
import { approval, outcome as outcomeSchema, progress, run, type Outcome, type Run } from '../protocol/nouns.ts';
import type { Database, Row } from './database.ts';
import { isoOf, millisecondsOf } from './instants.ts';
import { runIdOf, runKey } from './runKeys.ts';

const counts = run.shape.findings;
/** What nearly every run has is NULL in its row: counts that are all zero, and an actor that is named like the trigger (`schedule`). */
const noFindings = { ok: 0, info: 0, warning: 0, critical: 0 };
const noFindingsText = JSON.stringify(noFindings);

const columns = `id, task, kind, procedure, trigger, attempt, scheduled_for, actor, reason, dry_run, window_id, state, outcome,
  outcome_reason, exit_code, signal, queued_at, started_at, ended_at, adopted, findings, progress, attempts, retry_of,
  waiting_for, waiting_reason, waiting_until, approval, output_dropped`;
const places = columns.split(',').map(() => '?');
/** What a run keeps from its first record to its end. SQLite writes the entry of an index anew for a column that is set, be it the same. */
const fixed = new Set([
  'id',
  'task',
  'kind',
  'procedure',
  'trigger',
  'attempt',
  'scheduled_for',
  'actor',
  'reason',
  'dry_run',
  'window_id',
  'queued_at',
  'attempts',
  'retry_of',
]);
const names = columns.split(',').map((column) => column.trim());
const changing = names.flatMap((name, index) => (fixed.has(name) ? [] : [{ name, index }]));
const update = `UPDATE runs SET ${changing.map(({ name }) => `${name} = ?`).join(', ')} WHERE id = ?`;

/** Adds a run. Throws when the same instant and attempt of its task, or the same request, is there already. */
export function insertRun(database: Database, item: Run, requestId: string | null): void {
  database.change(
    `INSERT INTO runs (${columns}, request_id) VALUES (${places.join(',')},?)`,
    ...valuesOf(item),
    requestId,
  );
}

export function updateRun(database: Database, item: Run): void {
  const values = valuesOf(item);
  database.change(update, ...changing.map(({ index }) => values[index] ?? null), runKey(item.id));
}

export function getRun(database: Database, id: string): Run | null {
  const row = database.get(`SELECT ${columns} FROM runs WHERE id = ?`, runKey(id));
  return row === undefined ? null : runOf(row);
}

export function hasRun(database: Database, id: string): boolean {
  return database.get('SELECT 1 FROM runs WHERE id = ?', runKey(id)) !== undefined;
}

/** It may wait for its commit still. */
export function findRunByRequest(database: Database, requestId: string): Run | null {
  const row = database.peek(`SELECT ${columns} FROM runs WHERE request_id = ?`, requestId);
  return row === undefined ? null : runOf(row);
}

export function hasRunAt(database: Database, task: string, scheduledFor: number): boolean {
  return database.get('SELECT 1 FROM runs WHERE task = ? AND scheduled_for = ?', task, scheduledFor) !== undefined;
}

/** Newest first; `before` (milliseconds, exclusive) is the queue time of the last one seen. */
export function listRuns(
  database: Database,
  filter: { readonly task?: string | undefined; readonly limit: number; readonly before?: number | undefined },
): readonly Run[] {
  const before = filter.before ?? Number.MAX_SAFE_INTEGER;
  const rows =
    filter.task === undefined
      ? database.all(
          `SELECT ${columns} FROM runs WHERE queued_at < ? ORDER BY queued_at DESC, id DESC LIMIT ?`,
          before,
          filter.limit,
        )
      : database.all(
          `SELECT ${columns} FROM runs WHERE task = ? AND queued_at < ? ORDER BY queued_at DESC, id DESC LIMIT ?`,
          filter.task,
          before,
          filter.limit,
        );
  return rows.map(runOf);
}

export function listOpenRuns(database: Database): readonly Run[] {
  return database.all(`SELECT ${columns} FROM runs WHERE state <> 'ended' ORDER BY queued_at, id`).map(runOf);
}

/** The last `each` runs of every task that has run, newest first. */
export function listRecentRuns(database: Database, each: number): readonly Run[] {
  return database
    .all(
      `SELECT ${columns} FROM (
         SELECT *, row_number() OVER (PARTITION BY task ORDER BY queued_at DESC, id DESC) AS place FROM runs
       ) WHERE place <= ? ORDER BY queued_at DESC, id DESC`,
      each,
    )
    .map(runOf);
}

/** Last finished run and last good one of each task, for the metrics; instants in milliseconds. */
export function lastRunsByTask(
  database: Database,
): readonly { task: string; endedAt: number; durationMs: number; outcome: Outcome; lastSuccess: number | null }[] {
  return database
    .all(
      `SELECT task, ended_at, coalesce(ended_at - started_at, 0) AS duration, outcome,
         (SELECT max(good.ended_at) FROM runs AS good
          WHERE good.task = last.task AND good.dry_run = 0 AND good.outcome IN ('changed','unchanged','warning')) AS success
       FROM (SELECT *, row_number() OVER (PARTITION BY task ORDER BY ended_at DESC, id DESC) AS place
             FROM runs WHERE state = 'ended' AND dry_run = 0 AND kind = 'task' AND outcome <> 'skipped') AS last
       WHERE place = 1`,
    )
    .map((row) => ({
      task: String(row['task']),
      endedAt: Number(row['ended_at']),
      durationMs: Number(row['duration']),
      outcome: outcomeSchema.parse(row['outcome']),
      lastSuccess: row['success'] === null ? null : Number(row['success']),
    }));
}

function valuesOf(item: Run): readonly SQLInputValue[] {
  const findings = JSON.stringify(item.findings);
  return [
    runKey(item.id),
    item.task,
    item.kind,
    item.procedure,
    item.trigger,
    item.attempt,
    millisecondsOf(item.scheduledFor),
    item.actor === item.trigger ? null : item.actor,
    item.reason,
    item.dryRun ? 1 : 0,
    item.windowId,
    item.state,
    item.outcome,
    item.outcomeReason,
    item.exitCode,
    item.signal,
    Date.parse(item.queuedAt),
    millisecondsOf(item.startedAt),
    millisecondsOf(item.endedAt),
    item.adopted ? 1 : 0,
    findings === noFindingsText ? null : findings,
    item.progress === null ? null : JSON.stringify(item.progress),
    item.attempts ?? null,
    item.retryOf ?? null,
    item.waitingFor ?? null,
    item.waitingReason ?? null,
    millisecondsOf(item.waitingUntil ?? null),
    item.approval === null || item.approval === undefined ? null : JSON.stringify(item.approval),
    item.outputDropped ?? null,
  ];
}

function runOf(row: Row): Run {
  const started = row['started_at'];
  const ended = row['ended_at'];
  return run.parse({
    id: runIdOf(row['id']),
    task: row['task'],
    kind: row['kind'],
    procedure: row['procedure'],
    trigger: row['trigger'],
    attempt: row['attempt'],
    scheduledFor: isoOf(row['scheduled_for']),
    actor: row['actor'] ?? row['trigger'],
    reason: row['reason'],
    dryRun: row['dry_run'] === 1,
    windowId: row['window_id'],
    state: row['state'],
    outcome: row['outcome'],
    outcomeReason: row['outcome_reason'],
    exitCode: row['exit_code'],
    signal: row['signal'],
    queuedAt: isoOf(row['queued_at']),
    startedAt: isoOf(started),
    endedAt: isoOf(ended),
    durationMs: typeof started === 'number' && typeof ended === 'number' ? ended - started : null,
    adopted: row['adopted'] === 1,
    findings: row['findings'] === null ? noFindings : parseText(counts, row['findings']),
    progress: row['progress'] === null ? null : parseText(progress, row['progress']),
    attempts: row['attempts'],
    retryOf: row['retry_of'],
    waitingFor: row['waiting_for'],
    waitingReason: row['waiting_reason'],
    waitingUntil: isoOf(row['waiting_until']),
    approval: row['approval'] === null ? null : parseText(approval, row['approval']),
    outputDropped: row['output_dropped'],
  });
}

function parseText<T extends z.ZodType>(schema: T, text: Row[string] | undefined): z.infer<T> {
  return schema.parse(JSON.parse(String(text)));
}
