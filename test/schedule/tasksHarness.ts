/** Tasks of a configuration text over a real runner and store; scripts run as children. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../../agent/config/schema.ts';
import type { LoadResult } from '../../agent/config/load.ts';
import type { Run } from '../../agent/protocol/nouns.ts';
import type { InBlackout } from '../../agent/schedule/calendar.ts';
import { systemClock } from '../../agent/schedule/clock.ts';
import { Tasks } from '../../agent/schedule/tasks.ts';
import { Secrets } from '../../agent/secrets/secrets.ts';
import { getRun } from '../../agent/store/runs.ts';
import { load, procedures } from '../config/harness.ts';
import { runnerHarness, silent, type RunnerHarness } from '../run/harness.ts';

export interface TasksWorld {
  readonly harness: RunnerHarness;
  readonly tasks: Tasks;
  readonly secrets: Secrets;
  /** What the scheduler would answer. */
  nextRun: number | null;
  snoozed: number | null;
  blackout: InBlackout | null;
  /** Writes a script beside the configuration. */
  readonly script: (name: string, ...lines: string[]) => void;
  /** The configuration as it is from now on; lines below `maintenance:`. */
  readonly configure: (...lines: string[]) => void;
  readonly endOf: (run: Run) => Promise<Run>;
  /** `actor action target` of each entry, then its reason and detail where there is one. */
  readonly audit: () => string[];
  readonly dispose: () => Promise<void>;
}

export function tasksWorld(): TasksWorld {
  const harness = runnerHarness(systemClock, { self: ['echo', 'self'] });
  const secrets = new Secrets();
  let loaded: LoadResult = load('maintenance: {}');
  const config = (): Config => {
    if (loaded.config === null) throw new Error(loaded.diagnostics.map(({ message }) => message).join('\n'));
    return loaded.config;
  };
  const tasks = new Tasks({
    database: harness.database,
    runner: harness.runner,
    clock: systemClock,
    log: silent,
    secrets,
    procedures,
    config,
    refused: () => loaded.refused,
    nextRunOf: () => world.nextRun,
    snoozedUntil: () => world.snoozed,
    blackoutOf: () => world.blackout,
    self: ['echo', 'self'],
    cwd: () => harness.folder,
  });
  const world: TasksWorld = {
    harness,
    tasks,
    secrets,
    nextRun: null,
    snoozed: null,
    blackout: null,
    script: (name, ...lines) => {
      writeFileSync(join(harness.folder, name), ['#!/bin/sh', ...lines, ''].join('\n'), { mode: 0o755 });
    },
    configure: (...lines) => {
      const text = ['maintenance:', ...lines.map((line) => `  ${line}`), ''].join('\n');
      loaded = load(text, {}, join(harness.folder, 'maintenance.yaml'));
    },
    endOf: async (run) => {
      const ended = (await harness.runner.whenEnded(run.id)) ?? getRun(harness.database, run.id);
      if (ended === null) throw new Error(`there is no run ${run.id}`);
      return ended;
    },
    audit: () =>
      harness.database.all('SELECT actor, action, target, reason, detail FROM audit ORDER BY seq').map((row) =>
        Object.values(row)
          .filter((value) => value !== null && value !== '{}')
          .join(' '),
      ),
    dispose: () => harness.cancelAndDispose(),
  };
  return world;
}
