import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { EventBus } from '../../agent/events.ts';
import type { RunDirectory } from '../../agent/run/directory.ts';
import { Runner, type EndedRun, type RunRequest } from '../../agent/run/runner.ts';
import { systemClock, type Clock } from '../../agent/schedule/clock.ts';
import { Database } from '../../agent/store/database.ts';

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
}

export function runnerHarness(clock: Clock = systemClock): RunnerHarness {
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
      root: join(folder, 'runs'),
      stopGraceMs: 500,
      cwd: () => folder,
      environment: () => ({ PATH: process.env['PATH'] }),
    });
    made.onEnded((item) => ended.push(item));
    return made;
  };
  const runner = another();
  return {
    folder,
    database,
    events,
    runner,
    ended,
    another,
    launch: (script, more = {}) => runner.launch(request(['sh', '-c', script], more)),
    dispose: () => {
      runner.stop();
      database.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
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
