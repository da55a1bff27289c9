import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { pino } from 'pino';
import { Agent } from '../../agent/agent.ts';
import { procedures } from '../../agent/procedures/index.ts';
import { Secrets } from '../../agent/secrets/secrets.ts';
import { FakeClock } from '../schedule/fakeClock.ts';

/** Thirty days of fifty tasks that run each minute are 2,160,000 runs: hours. The short form has the same shape. */
const full = process.env['UPKEEP_FULL'] === '1';
const tasks = full ? 50 : 5;
const minutes = full ? 43_200 : 60;
const kept = 20;

describe('a month of the agent, compressed (F40)', function () {
  this.timeout(full ? 24 * 3_600_000 : 120_000);
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'upkeep-soak-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  it(`F40: runs ${tasks} tasks through ${minutes} minutes with none missed or doubled, and stays as it was`, async () => {
    const list = Array.from(
      { length: tasks },
      (_, index) => `    - { name: task-${index}, schedule: "* * * * *", script: task.sh }\n`,
    );
    writeFileSync(join(folder, 'task.sh'), '#!/bin/sh\necho done\n', { mode: 0o755 });
    const config = join(folder, 'maintenance.yaml');
    writeFileSync(
      config,
      `maintenance:\n  automated_tasks:\n${list.join('')}  checks: []\n  retention: { runs: { count: ${kept} }, events: { count: 200 } }\n`,
    );
    const clock = new FakeClock('2024-03-05T12:00:30Z');
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
    const starts = new Map<string, number>();
    let bad = 0;
    agent.runner.onEnded(({ run }) => {
      const key = `${run.task} ${run.scheduledFor ?? ''}`;
      starts.set(key, (starts.get(key) ?? 0) + 1);
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
        while (starts.size < minute * tasks || agent.openRuns().length > 0) await nextTurn();
        if (minute % Math.max(1, minutes / 6) === 0) samples.push(sampleOf(join(folder, 'state', 'upkeep.db')));
      }
      assert.equal(bad, 0);
      assert.equal(starts.size, tasks * minutes, 'none missed');
      assert.ok(
        [...starts.values()].every((count) => count === 1),
        'none doubled',
      );
      const [, second, ...rest] = samples;
      const last = rest.at(-1);
      assert.ok(second !== undefined && last !== undefined);
      assert.ok(
        Math.abs(last.descriptors - second.descriptors) <= 3,
        `descriptors ${second.descriptors} → ${last.descriptors}`,
      );
      const perRun = (last.rss - second.rss) / ((tasks * minutes * 4) / 6);
      assert.ok(full ? perRun < 1024 : last.rss - second.rss < 40 * 1024 * 1024, `${Math.round(perRun)} bytes a run`);
      assert.ok(last.store < 16 * 1024 * 1024, `${last.store} bytes of store`);
      clock.advance(3_600_000);
      const days = readdirSync(join(folder, 'state', 'runs'));
      assert.ok(days.length >= 1);
    } finally {
      await agent.stop();
    }
    assert.equal(clock.waiting, 0, 'no timer is left');
  });
});

function sampleOf(store: string): { readonly descriptors: number; readonly rss: number; readonly store: number } {
  const descriptors = process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0;
  return { descriptors, rss: process.memoryUsage.rss(), store: statSync(store).size };
}
