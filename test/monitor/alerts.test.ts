import assert from 'node:assert/strict';
import { EventBus } from '../../agent/events.ts';
import { Alerts, type AlertCondition } from '../../agent/monitor/alerts.ts';
import type { Alert } from '../../agent/protocol/nouns.ts';
import { Database } from '../../agent/store/database.ts';
import { FakeClock } from '../schedule/fakeClock.ts';

describe('Alerts', () => {
  let database: Database;
  let alerts: Alerts;
  let told: Alert[];
  let inWindow: boolean;
  let held: number;
  const condition: AlertCondition = {
    key: 'task:daily_vacuum',
    level: 'critical',
    title: 'daily_vacuum failed',
    message: 'no connection',
    runId: 'run-1',
  };

  beforeEach(() => {
    const clock = new FakeClock('2024-03-01T00:00:00.000Z');
    database = new Database(':memory:');
    told = [];
    inWindow = false;
    held = 0;
    alerts = new Alerts({
      database,
      events: new EventBus(database, () => clock.now()),
      clock,
      inWindow: () => inWindow,
      noteHeld: (count) => {
        held = count;
      },
      notify: (alert) => told.push(alert),
    });
  });
  afterEach(() => {
    database.close();
  });

  it('tells of a problem once, however often it is seen', () => {
    alerts.raise(condition);
    alerts.raise({ ...condition, message: 'still no connection' });
    assert.equal(told.length, 1);
    assert.deepEqual(
      alerts.open().map(({ count, message }) => ({ count, message })),
      [{ count: 2, message: 'still no connection' }],
    );
  });

  it('tells again when a problem comes back after it was gone', () => {
    alerts.raise(condition);
    alerts.resolve(condition.key);
    assert.equal(alerts.open().length, 0);
    alerts.raise(condition);
    assert.equal(told.length, 2);
  });

  it('holds alerts in a window and tells at its end what still fires', () => {
    inWindow = true;
    alerts.raise(condition);
    alerts.raise({ ...condition, key: 'task:other' });
    assert.deepEqual([told.length, held], [0, 2]);
    alerts.resolve('task:other');
    alerts.release();
    assert.equal(told.length, 0);
    inWindow = false;
    alerts.release();
    assert.deepEqual(
      told.map(({ key, held: still }) => ({ key, still })),
      [{ key: condition.key, still: false }],
    );
  });

  it('is acknowledged by name, and not once it is resolved', () => {
    alerts.raise(condition);
    const [alert] = alerts.open();
    assert.ok(alert);
    assert.deepEqual(
      [alerts.acknowledge(alert.id, 'bob').state, alerts.open()[0]?.acknowledgedBy],
      ['acknowledged', 'bob'],
    );
    alerts.resolve(condition.key);
    assert.throws(() => alerts.acknowledge(alert.id, 'bob'), /already resolved/);
    assert.throws(() => alerts.acknowledge('alert-none', 'bob'), /There is no alert/);
  });
});
