import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Agent } from '../../agent/agent.ts';
import { procedures } from '../../agent/procedures/index.ts';
import { Secrets } from '../../agent/secrets/secrets.ts';
import { FakeClock } from '../schedule/fakeClock.ts';

describe('the watch over the store', () => {
  let folder: string;
  let agent: Agent;
  const clock = new FakeClock('2024-03-05T12:00:30Z');
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'upkeep-watch-'));
    writeFileSync(join(folder, 'maintenance.yaml'), 'maintenance:\n  checks: []\n');
    agent = new Agent({
      configFile: join(folder, 'maintenance.yaml'),
      stateDirectory: join(folder, 'state'),
      listen: null,
      socketPath: null,
      procedures,
      secrets: new Secrets(),
      environment: { PATH: process.env['PATH'] },
      clock,
      log: pino({ level: 'silent' }),
    });
    await agent.start();
  });
  afterEach(async () => {
    await agent.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  for (const [title, remove] of [
    ['the store', ['upkeep.db', 'upkeep.db-wal', 'upkeep.db-shm']],
    ['its folder', ['']],
  ] as const) {
    it(`F39: when somebody deletes ${title}, makes it anew within half a minute, and says so`, () => {
      const { epoch } = agent.database;
      for (const name of remove) rmSync(join(folder, 'state', name), { recursive: true });
      clock.advance(30_000);
      clock.advance(1);
      assert.ok(existsSync(join(folder, 'state', 'upkeep.db')));
      assert.notEqual(agent.database.epoch, epoch);
      const alert = agent.alerts.open().find(({ key }) => key === 'store:repaired');
      assert.match(alert?.message ?? '', /is gone/);
    });
  }
});
