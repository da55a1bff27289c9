/** Rows of runs, made again from their directories: the directory is the truth, the store is its index. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run as runSchema, type Run } from '../protocol/nouns.ts';
import { RunDirectory } from '../run/directory.ts';
import { lives } from '../run/group.ts';
import { judge } from '../run/outcome.ts';
import { ResultsReader } from '../run/results.ts';
import { causeOf } from '../thrown.ts';
import type { Database } from './database.ts';
import { hasRun, insertRun } from './runs.ts';

export interface Indexed {
  /** Runs that were added. */
  readonly runs: number;
  /** Of these, those whose process had started: the store must have known them once. */
  readonly started: number;
  /** Directories that can not be understood. */
  readonly unreadable: readonly string[];
  /** Folders whose runs can not even be listed, with the cause: `/…/runs/2026-11-26 (EACCES)`. */
  readonly closed: readonly string[];
}

/**
 * Adds the runs whose directories are there and that the store does not have; of the newest `days` day folders, or of all.
 * A run without an end stays open: the runner then adopts it or calls it lost.
 */
export function indexRuns(database: Database, root: string, days = Number.POSITIVE_INFINITY): Indexed {
  const unreadable: string[] = [];
  const closed: string[] = [];
  let runs = 0;
  let started = 0;
  for (const { id, path } of runDirectories(root, days, (folder) => closed.push(folder))) {
    if (hasRun(database, id)) continue;
    const directory = new RunDirectory(path);
    const run = attempt(() => runIn(directory));
    if (run?.id !== id || !attempt(() => add(database, run))) {
      unreadable.push(path);
      continue;
    }
    runs += 1;
    if (directory.mayHaveStarted()) started += 1;
  }
  return { runs, started, unreadable, closed };
}

/** Schedules go on after the last instant that has a run: nothing is repeated, nothing forgotten. */
export function restoreSchedules(database: Database): void {
  database.change(
    `INSERT INTO schedule (task, considered_until)
       SELECT task, max(scheduled_for) FROM runs WHERE scheduled_for IS NOT NULL GROUP BY task
     ON CONFLICT (task) DO UPDATE SET considered_until = max(considered_until, excluded.considered_until)`,
  );
}

/** Every run directory, newest day first. `onClosed` hears of folders that can not be listed, with the cause; without it that throws. */
export function runDirectories(
  root: string,
  days = Number.POSITIVE_INFINITY,
  onClosed?: (folder: string) => void,
): readonly { readonly id: string; readonly path: string }[] {
  const dayFolders = namesIn(root, onClosed)
    .filter((name) => /^\d{4}-\d{2}-\d{2}$/.test(name))
    .sort()
    .reverse()
    .slice(0, days);
  return dayFolders.flatMap((day) =>
    namesIn(join(root, day), onClosed).flatMap((id) => {
      const directory = RunDirectory.of(root, id);
      return directory?.path === join(root, day, id) ? [{ id, path: directory.path }] : [];
    }),
  );
}

function runIn(directory: RunDirectory): Run | null {
  const launch = directory.readLaunch();
  if (launch === null) return null;
  const end = endOf(directory);
  if (end !== null) return end;
  const findings = { ok: 0, info: 0, warning: 0, critical: 0 };
  const reader = new ResultsReader(directory.results, {
    finding: ({ level }) => (findings[level] += 1),
    progress: () => undefined,
  });
  reader.readIfThere();
  const exit = directory.readExit();
  const stop = directory.readStop();
  const pid = directory.readPid();
  // A job may have written an exit status itself: while its process lives it has not ended.
  if (exit === null || (pid !== null && lives(launch.run.id, pid))) return { ...launch.run, findings };
  const verdict = judge({
    kind: launch.run.procedure === null ? 'script' : 'procedure',
    code: exit.code,
    signal: null,
    stop: stop === null ? null : { ...stop, killed: false },
    procedureOutcome: reader.end?.outcome ?? null,
    warnings: findings.warning + findings.critical,
  });
  const started = Date.parse(launch.run.startedAt ?? launch.run.queuedAt);
  const ended = Math.max(started, exit.at);
  return {
    ...launch.run,
    state: 'ended',
    outcome: verdict.outcome,
    outcomeReason: verdict.reason,
    exitCode: exit.code,
    endedAt: new Date(ended).toISOString(),
    durationMs: ended - started,
    findings,
    progress: null,
  };
}

/** What the runner wrote when the run had ended. */
function endOf(directory: RunDirectory): Run | null {
  const file = join(directory.path, 'end.json');
  if (!existsSync(file)) return null;
  return runSchema.safeParse(JSON.parse(readFileSync(file, 'utf8'))).data ?? null;
}

function add(database: Database, run: Run): true {
  insertRun(database, run, null);
  return true;
}

function namesIn(folder: string, onClosed?: (folder: string) => void): readonly string[] {
  if (!existsSync(folder)) return [];
  try {
    return readdirSync(folder);
  } catch (error) {
    if (onClosed === undefined) throw error;
    onClosed(`${folder} (${causeOf(error)})`);
    return [];
  }
}

function attempt<T>(work: () => T): T | null {
  try {
    return work();
  } catch {
    return null;
  }
}
