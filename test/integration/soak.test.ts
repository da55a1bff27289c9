import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { pino } from 'pino';
import { Agent } from '../../agent/agent.ts';
import { procedures } from '../../agent/procedures/index.ts';
import { Secrets } from '../../agent/secrets/secrets.ts';
import { full, megabytes, tell } from '../integration/measure.ts';
import { FakeClock } from '../schedule/fakeClock.ts';

const begin = Date.UTC(2024, 2, 5, 23, 0, 30);
const minutes = full ? 43_200 : 120;
const kept = 20;
/** Fifty tasks, as a host has them: how many run how often, in minutes. In thirty days they run 128,200 times. */
const mix: readonly (readonly [count: number, every: number, schedule: string])[] = [
  [1, 1, '* * * * *'],
  [4, 5, '*/5 * * * *'],
  [10, 15, '*/15 * * * *'],
  [15, 60, '0 * * * *'],
  [20, 1440, '0 0 * * *'],
];
const schedules = mix.flatMap(([count, every, schedule]) => Array.from({ length: count }, () => ({ every, schedule })));

describe('a month of the agent, compressed (F40)', function () {
  this.timeout(full ? 24 * 3_600_000 : 120_000);
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'upkeep-soak-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  it(`F40: runs ${schedules.length} tasks through ${minutes} minutes with none missed or doubled, and stays as it was`, async () => {
    const list = schedules.map(
      ({ schedule }, index) => `    - { name: task-${index}, schedule: "${schedule}", script: task.sh }\n`,
    );
    writeFileSync(join(folder, 'task.sh'), '#!/bin/sh\necho done\n', { mode: 0o755 });
    const config = join(folder, 'maintenance.yaml');
    writeFileSync(
      config,
      `maintenance:\n  automated_tasks:\n${list.join('')}  checks: []\n  retention: { runs: { count: ${kept} }, events: { count: 200 } }\n`,
    );
    const clock = new FakeClock(new Date(begin).toISOString());
    const agent = new Agent({
      configFile: config,
      stateDirectory: join(folder, 'state'),
      listen: null,
      socketPath: null,
      procedures,
      environment: { PATH: process.env['PATH'] },
      clock,
      log: pino({ level: 'silent' }),
      secrets: new Secrets(),
    });
    const starts = new Set<string>();
    let [bad, doubled] = [0, 0];
    agent.runner.onEnded(({ run }) => {
      const key = `${run.task} ${run.scheduledFor ?? ''}`;
      if (starts.has(key)) doubled += 1;
      starts.add(key);
      if (run.outcome !== 'changed') bad += 1;
    });
    await agent.start();
    try {
      const samples: { readonly descriptors: number; readonly rss: number; readonly store: number }[] = [];
      for (let minute = 1; minute <= minutes; minute += 1) {
        for (let part = 0; part < 2; part += 1) {
          clock.advance(30_000);
          await nextTurn();
        }
        while (starts.size < dueUntil(minute) || agent.openRuns().length > 0) await nextTurn();
        if (minute % Math.max(1, minutes / 6) === 0) samples.push(sampleOf(join(folder, 'state', 'upkeep.db')));
      }
      assert.equal(bad, 0);
      assert.deepEqual([starts.size, doubled], [dueUntil(minutes), 0], 'none missed, none doubled');
      const [, second, ...rest] = samples;
      const last = rest.at(-1);
      assert.ok(second !== undefined && last !== undefined);
      assert.ok(
        Math.abs(last.descriptors - second.descriptors) <= 3,
        `descriptors ${second.descriptors} → ${last.descriptors}`,
      );
      const grown = last.rss - second.rss;
      const days = (minutes * 4) / 6 / 1440;
      tell(
        `${starts.size} runs of ${schedules.length} tasks in ${minutes} minutes: 0 missed, 0 doubled; memory ${megabytes(second.rss)} → ${megabytes(last.rss)}, ` +
          `descriptors ${second.descriptors} → ${last.descriptors}, store ${megabytes(last.store)}`,
      );
      assert.ok(full ? grown / days < 1024 * 1024 : grown < 40 * 1024 * 1024, `${megabytes(grown)} in ${days} days`);
      assert.ok(last.store < 16 * 1024 * 1024, `${last.store} bytes of store`);
      clock.advance(3_600_000);
      assert.ok(readdirSync(join(folder, 'state', 'runs')).length >= 1);
    } finally {
      await agent.stop();
    }
    assert.equal(clock.waiting, 0, 'no timer is left');
  });
});

/** Runs that were due in the first so many minutes. */
function dueUntil(minute: number): number {
  const passed = (every: number): number =>
    Math.floor((begin + minute * 60_000) / (every * 60_000)) - Math.floor(begin / (every * 60_000));
  return schedules.reduce((sum, { every }) => sum + passed(every), 0);
}

function sampleOf(store: string): { readonly descriptors: number; readonly rss: number; readonly store: number } {
  const descriptors = process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0;
  return { descriptors, rss: process.memoryUsage.rss(), store: statSync(store).size };
}
