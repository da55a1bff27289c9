import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, watch } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pino } from 'pino';
import { EventBus } from '../../agent/events.ts';
import type { RunDirectory } from '../../agent/run/directory.ts';
import { Runner, type EndedRun, type RunRequest, type RunnerParts } from '../../agent/run/runner.ts';
import { systemClock, type Clock } from '../../agent/schedule/clock.ts';
import { Secrets } from '../../agent/secrets/secrets.ts';
import { Database } from '../../agent/store/database.ts';
import { codeOf } from '../../agent/thrown.ts';

export const silent = pino({ level: 'silent' });

export interface RunnerHarness {
  readonly folder: string;
  readonly database: Database;
  readonly events: EventBus;
  readonly runner: Runner;
  readonly ended: EndedRun[];
  /** A further runner over the same state, as a restarted agent has it. */
  readonly another: () => Runner;
  readonly launch: (script: string, more?: Partial<RunRequest>) => ReturnType<Runner['launch']>;
  readonly dispose: () => void;
  /** Ends the runs that are open, then all. */
  readonly cancelAndDispose: () => Promise<void>;
}

export function runnerHarness(clock: Clock = systemClock, more: Partial<RunnerParts> = {}): RunnerHarness {
  const folder = mkdtempSync(join(tmpdir(), 'upkeep-run-'));
  const database = new Database(join(folder, 'upkeep.db'));
  const events = new EventBus(database, () => clock.now());
  const ended: EndedRun[] = [];
  const another = (): Runner => {
    const made = new Runner({
      database,
      events,
      clock,
      log: silent,
      secrets: new Secrets(),
      root: join(folder, 'runs'),
      stopGraceMs: 500,
      cwd: () => folder,
      environment: () => ({ PATH: process.env['PATH'] }),
      ...more,
    });
    made.onEnded((item) => ended.push(item));
    return made;
  };
  const runner = another();
  const dispose = (): void => {
    runner.stop();
    database.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return {
    folder,
    database,
    events,
    runner,
    ended,
    another,
    launch: (script, changed = {}) => runner.launch(request(['sh', '-c', script], changed)),
    dispose,
    cancelAndDispose: async () => {
      await Promise.all(runner.openRuns().map(({ id }) => runner.cancel(id, 'test')));
      dispose();
    },
  };
}

/** Kills a process that may have ended by itself. */
export function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    assert.equal(codeOf(error), 'ESRCH');
  }
}

/** Resolves when the file is there; its folder must be. */
export async function untilThere(file: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const look = (): void => {
    if (existsSync(file)) resolve(undefined);
  };
  const watcher = watch(dirname(file), look);
  look();
  await promise;
  watcher.close();
}

export function request(
  command: readonly string[] | ((directory: RunDirectory) => readonly string[]),
  more: Partial<RunRequest> = {},
): RunRequest {
  return {
    task: 'job',
    kind: 'task',
    procedure: null,
    trigger: 'manual',
    actor: 'tester',
    reason: null,
    dryRun: false,
    scheduledFor: null,
    windowId: null,
    requestId: null,
    timeoutMs: null,
    alertOn: 'nothing',
    command: typeof command === 'function' ? command : () => command,
    ...more,
  };
}
