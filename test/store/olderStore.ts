/** A store as the version before the present one left it, with runs of every kind. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { run as runSchema, type Run } from '../../agent/protocol/nouns.ts';
import { runNumber } from './harness.ts';

export const olderVersion = 5;
/** Those that the fixture brings with it. */
export const fixtureRuns = 2;

const milliseconds = (text: string | null | undefined): number | null =>
  typeof text === 'string' ? Date.parse(text) : null;
const json = (value: unknown): string | null => ((value ?? null) === null ? null : JSON.stringify(value));

/** In the form of version 5: ids and counts as text. */
function version5(run: Run): readonly (string | number | null)[] {
  return [
    run.id,
    run.task,
    run.kind,
    run.procedure,
    run.trigger,
    run.attempt,
    milliseconds(run.scheduledFor),
    run.actor,
    run.reason,
    run.dryRun ? 1 : 0,
    run.windowId,
    run.state,
    run.outcome,
    run.outcomeReason,
    run.exitCode,
    run.signal,
    milliseconds(run.queuedAt),
    milliseconds(run.startedAt),
    milliseconds(run.endedAt),
    run.adopted ? 1 : 0,
    json(run.findings),
    json(run.progress),
    run.trigger === 'manual' ? `request-${run.id}` : null,
    run.attempts ?? null,
    run.retryOf ?? null,
    run.waitingFor ?? null,
    run.waitingReason ?? null,
    milliseconds(run.waitingUntil),
    json(run.approval),
    run.outputDropped ?? null,
  ];
}

/** Makes the file. The runs are added by `count` and `runOf`, which is called with 0 to `count - 1`. */
export function writeOlderStore(file: string, count: number, runOf = anyRun): void {
  const sql = new DatabaseSync(file);
  sql.exec(readFileSync(join(import.meta.dirname, 'fixtures', `version${olderVersion}.sql`), 'utf8'));
  sql.exec('PRAGMA journal_mode = WAL; BEGIN');
  const places = version5(runOf(0)).map(() => '?');
  const insert = sql.prepare(`INSERT INTO runs VALUES (${places.join(', ')})`);
  for (let index = 0; index < count; index += 1) insert.run(...version5(runOf(index)));
  sql.exec('COMMIT');
  sql.close();
}

/** A run like most, and now and then one of another kind. */
export function anyRun(index: number): Run {
  const plain = runNumber(index + 1000, { task: `job-${index % 7}`, attempts: 1, outputDropped: 0 });
  return runSchema.parse({ ...empty, ...plain, ...kinds[index % 40]?.(plain) });
}

const empty = { retryOf: null, waitingFor: null, waitingReason: null, waitingUntil: null, approval: null };

const kinds: Readonly<Record<number, (plain: Run) => Partial<Run>>> = {
  1: () => ({ trigger: 'manual', actor: 'alice', reason: 'a test', scheduledFor: null }),
  2: () => ({ findings: { ok: 1, info: 2, warning: 0, critical: 30 }, outcome: 'warning', procedure: 'health-check' }),
  3: ({ id }) => ({ trigger: 'retry', attempt: 2, attempts: 3, retryOf: id, scheduledFor: null, signal: 'SIGTERM' }),
  4: ({ queuedAt }) => ({
    ...open,
    waitingFor: 'approval',
    waitingReason: 'two people',
    waitingUntil: queuedAt,
    approval: { required: 2, roles: ['admin'], given: [{ actor: 'alice', at: queuedAt }], expiresAt: queuedAt },
  }),
  5: () => ({ ...open, state: 'running', progress: { done: 5, total: 10, message: 'half' } }),
  6: ({ id }) => ({ id: `old:${id}`, adopted: true, dryRun: true, windowId: 'win-1', outputDropped: 12_345 }),
  9: ({ id }) => ({ id: id.replace(/^\d{8}/, '20240231') }),
  10: ({ id }) => ({ id: id.replace(/^\d{4}/, '2106') }),
  11: ({ id }) => ({ id: id.replace(/T\d{2}/, 'T24') }),
  12: ({ id }) => ({ id: id.toUpperCase() }),
  13: ({ id }) => ({ id: id.replace(/^\d{4}/, '1969') }),
  14: ({ id }) => ({ id: id.replace(/T\d{6}/, 'T235960') }),
  15: ({ id }) => ({ id: id.replace(/^\d{4}/, '0024') }),
  16: ({ id }) => ({ id: id.replace(/.{8}$/, (hash) => hash.padStart(9, 'a').slice(0, 7) + 'g') }),
  17: ({ id }) => ({ id: `${id}0` }),
  7: ({ id }) => ({ id: id.replace('-', '-x'), outcome: 'failed', outcomeReason: 'exit code 2', exitCode: 2 }),
  8: () => ({ trigger: 'manual', actor: 'manual', scheduledFor: null, kind: 'procedure', task: 'vacuum' }),
};

const open: Partial<Run> = {
  state: 'queued',
  outcome: null,
  exitCode: null,
  startedAt: null,
  endedAt: null,
  durationMs: null,
};
