import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { EventBus } from '../../agent/events.ts';
import type { Run } from '../../agent/protocol/nouns.ts';
import { launch, RunDirectory } from '../../agent/run/directory.ts';
import { appendAudit } from '../../agent/store/audit.ts';
import type { Database } from '../../agent/store/database.ts';
import { openStore, storeFile } from '../../agent/store/openStore.ts';
import { insertRun } from '../../agent/store/runs.ts';
import { createToken } from '../../agent/store/tokens.ts';

export interface StoreHarness {
  readonly folder: string;
  readonly file: string;
  readonly root: string;
  /** What the opening of the store said. */
  readonly repairs: string[];
  readonly open: () => Database;
  readonly dispose: () => void;
}

export function storeHarness(folder = mkdtempSync(join(tmpdir(), 'upkeep-store-'))): StoreHarness {
  const repairs: string[] = [];
  const opened: Database[] = [];
  return {
    folder,
    file: storeFile(folder),
    root: join(folder, 'runs'),
    repairs,
    open: () => {
      const database = openStore({ directory: folder, now: () => Date.now(), onRepair: (text) => repairs.push(text) });
      opened.push(database);
      return database;
    },
    dispose: () => {
      for (const database of opened) database.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const started = Date.parse('2024-03-05T02:00:00.000Z');

export function runNumber(index: number, more: Partial<Run> = {}): Run {
  const at = new Date(started + index * 60_000).toISOString();
  const id = `${at.slice(0, 19).replaceAll(/[-:]/g, '')}-${index.toString(16).padStart(8, '0')}`;
  return {
    id,
    task: 'job',
    kind: 'task',
    procedure: null,
    trigger: 'schedule',
    attempt: 1,
    scheduledFor: at,
    actor: 'schedule',
    reason: null,
    dryRun: false,
    windowId: null,
    state: 'ended',
    outcome: 'changed',
    outcomeReason: null,
    exitCode: 0,
    signal: null,
    queuedAt: at,
    startedAt: at,
    endedAt: new Date(Date.parse(at) + 5000).toISOString(),
    durationMs: 5000,
    adopted: false,
    findings: { ok: 0, info: 0, warning: 0, critical: 0 },
    progress: null,
    ...more,
  };
}

/** The directory that a runner would have left, and its row. */
export function addRun(database: Database | null, root: string, run: Run, output = 'hello\n'): RunDirectory {
  const directory = RunDirectory.of(root, run.id);
  if (directory === null) throw new Error(run.id);
  directory.create();
  const open: Run = {
    ...run,
    state: 'running',
    outcome: null,
    outcomeReason: null,
    exitCode: null,
    endedAt: null,
    durationMs: null,
  };
  directory.writeLaunch(launch.parse({ run: open, command: ['true'], deadline: null, alertOn: 'nothing' }));
  writeFileSync(directory.output, output);
  writeFileSync(join(directory.path, 'pid'), '999999\n');
  if (run.state === 'ended') writeFileSync(directory.exit, JSON.stringify({ code: run.exitCode }));
  if (database !== null) insertRun(database, run, null);
  return directory;
}

/** A store with a bit of everything, closed. Returns the token. */
export function fillStore(harness: StoreHarness, runs = 20): string {
  const database = harness.open();
  const { token } = createToken(database, { name: 'ci', role: 'operator', now: 0, expiresAt: null });
  const events = new EventBus(database, () => started);
  for (let index = 0; index < runs; index += 1) {
    const run = runNumber(index);
    addRun(database, harness.root, run);
    events.emit('run.changed', { run });
    const target = `${run.id} ${'x'.repeat(300)}`;
    appendAudit(database, { at: started, actor: 'alice', action: 'run.start', target, reason: null, detail: {} });
  }
  database.close();
  return token;
}

/** The agent's own source folder, for child processes of tests. */
export const agentFolder = join(dirname(import.meta.dirname), '..', 'agent');
