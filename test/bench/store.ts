/** BENCHMARKS section 9: the record of runs, each start and each end a durable commit. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventBus } from '../../agent/events.ts';
import type { Run } from '../../agent/protocol/nouns.ts';
import { newRun, startedRun, type RunRequest } from '../../agent/run/request.ts';
import { RunRecords } from '../../agent/run/records.ts';
import { Database } from '../../agent/store/database.ts';
import { insertRun, listRuns } from '../../agent/store/runs.ts';
import { median, type Figure } from './figure.ts';

const jobsAtOnce = 500;
const rounds = 5;
const sized = 100_000;
const history = 1_000_000;
const start = Date.parse('2024-03-01T00:00:00Z');

export function store(): Promise<readonly Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'upkeep-bench-'));
  try {
    const rates = commitRates(folder);
    const { megabytes, pageMs } = large(folder);
    return Promise.resolve([
      { name: 'jobs of two durable commits', unit: 'jobs/s', ...rates, goal: { atLeast: 1800 } },
      {
        name: 'commits of one job',
        unit: 'ms',
        ours: 1000 / rates.ours,
        floor: 1000 / rates.floor,
        goal: { atMost: 0.5 },
      },
      { name: '100,000 runs on disk', unit: 'MB', ours: megabytes, floor: null, goal: { atMost: 20 } },
      { name: 'page of 50 among 1,000,000 runs', unit: 'ms', ours: pageMs, floor: null, goal: { atMost: 1 } },
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Ours with its event and all columns; the floor: two bare rows of the same size a job. */
function commitRates(folder: string): { readonly ours: number; readonly floor: number } {
  const database = new Database(join(folder, 'ours.db'));
  const records = new RunRecords(database, new EventBus(database, () => start));
  const bare = new DatabaseSync(join(folder, 'floor.db'));
  bare.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE record (id INTEGER PRIMARY KEY, data TEXT)',
  );
  const insert = bare.prepare('INSERT INTO record (data) VALUES (?)');
  const rates: { readonly ours: number[]; readonly floor: number[] } = { ours: [], floor: [] };
  for (let round = 0; round < rounds; round += 1) {
    rates.ours.push(
      perSecond((job) => {
        const index = round * jobsAtOnce + job;
        const run = startedRun(newRun(requestOf(index), start + index * 3000), start + index * 3000);
        records.insert(run, null);
        records.update(endOf(run, index));
      }),
    );
    const data = 'x'.repeat(132);
    rates.floor.push(
      perSecond(() => {
        insert.run(data);
        insert.run(data);
      }),
    );
  }
  database.close();
  bare.close();
  return { ours: median(rates.ours), floor: median(rates.floor) };
}

function perSecond(job: (index: number) => void): number {
  const begun = performance.now();
  for (let index = 0; index < jobsAtOnce; index += 1) job(index);
  return jobsAtOnce / ((performance.now() - begun) / 1000);
}

/** Bytes of 100,000 runs, then a page of a task's history when there are ten times as many. */
function large(folder: string): { readonly megabytes: number; readonly pageMs: number } {
  const file = join(folder, 'large.db');
  const database = new Database(file);
  fill(database, 0, sized);
  database.get('PRAGMA wal_checkpoint(TRUNCATE)');
  const megabytes = statSync(file).size / 1e6;
  fill(database, sized, history);
  const times = Array.from({ length: 50 }, (_, index) => {
    const begun = performance.now();
    listRuns(database, { task: `task-${index % 40}`, limit: 50 });
    return performance.now() - begun;
  });
  database.close();
  return { megabytes, pageMs: median(times) };
}

function fill(database: Database, from: number, to: number): void {
  for (let next = from; next < to; next += 5000) {
    database.transaction(() => {
      for (let index = next; index < next + 5000; index += 1) {
        const at = start + index * 3000;
        insertRun(database, endOf(startedRun(newRun(requestOf(index), at), at), index), null);
      }
    });
  }
}

function requestOf(index: number): Omit<RunRequest, 'command'> {
  return {
    task: `task-${index % 40}`,
    kind: 'task',
    procedure: null,
    trigger: 'schedule',
    actor: 'schedule',
    reason: null,
    dryRun: false,
    scheduledFor: start + index * 3000,
    windowId: null,
    requestId: null,
    timeoutMs: null,
    alertOn: 'nothing',
  };
}

function endOf(run: Run, index: number): Run {
  const durationMs = (index * 7919) % 90_000;
  const endedAt = new Date(Date.parse(run.startedAt ?? run.queuedAt) + durationMs).toISOString();
  const failed = index % 50 === 0;
  return {
    ...run,
    state: 'ended',
    outcome: failed ? 'failed' : 'changed',
    outcomeReason: failed ? 'ended with code 1' : null,
    exitCode: failed ? 1 : 0,
    endedAt,
    durationMs,
    outputDropped: 0,
  };
}
