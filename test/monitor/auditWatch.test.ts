import assert from 'node:assert/strict';
import { truncate } from 'node:fs/promises';
import { logSettings } from '../../agent/config/logs.ts';
import { EventBus } from '../../agent/events.ts';
import { Alerts } from '../../agent/monitor/alerts.ts';
import { AuditWatch } from '../../agent/monitor/auditWatch.ts';
import { auditState } from '../../agent/store/audit.ts';
import { silent } from '../config/harness.ts';
import { createAuditWorld, type AuditWorld } from '../procedures/logs/auditWorld.ts';
import { FakeClock } from '../schedule/fakeClock.ts';

describe('the watch over the audit log', () => {
  let world: AuditWorld;
  let clock: FakeClock;
  let alerts: Alerts;
  let watch: AuditWatch;
  let trim: string | undefined;
  beforeEach(async () => {
    world = await createAuditWorld();
    clock = new FakeClock(new Date().toISOString());
    trim = undefined;
    const database = world.database();
    alerts = new Alerts({
      database,
      events: new EventBus(database, () => clock.now()),
      clock,
      inWindow: () => false,
      noteHeld: () => undefined,
      notify: () => undefined,
    });
    const settings = () => logSettings.parse({ audit: { destination: world.destination, trim } });
    watch = new AuditWatch({ database, alerts, clock, log: silent, settings });
    watch.start();
  });
  afterEach(async () => {
    watch.stop();
    await world.remove();
  });

  const open = (): string[] => alerts.open().map(({ key, level }) => `${key} ${level}`);

  it('raises an alert when an entry was changed by hand, and takes it back when the log is whole again', async () => {
    world.append(5, 1);
    clock.advance(60_000);
    await watch.look();
    assert.deepEqual(open(), []);
    world.database().change("UPDATE audit SET actor = 'nobody' WHERE seq = 3");
    clock.advance(86_400_000);
    await watch.look();
    assert.deepEqual(open(), ['store:audit critical']);
    assert.match(alerts.open()[0]?.message ?? '', /^Entry 3 of the audit log .*run "upkeep audit verify"/);
    world.database().change("UPDATE audit SET actor = 'a' WHERE seq = 3");
    await watch.look();
    assert.deepEqual(open(), []);
  });

  it('trims nothing by default, and what is archived and old where that is configured', async () => {
    await world.fill([20]);
    await watch.look();
    assert.equal(auditState(world.database()).base.seq, 0);
    trim = '365d';
    await watch.look();
    assert.equal(auditState(world.database()).base.seq, 0);
    trim = '100d';
    await watch.look();
    assert.equal(auditState(world.database()).base.seq, 20);
    assert.deepEqual(open(), []);
  });

  it('tells when old entries have to stay because their archive is damaged', async () => {
    await world.fill([20]);
    trim = '100d';
    const [archive = ''] = await world.archives();
    await truncate(archive, 50);
    await watch.look();
    assert.equal(auditState(world.database()).base.seq, 0);
    assert.deepEqual(open(), ['store:audit-trim warning']);
    trim = undefined;
    await watch.look();
    assert.deepEqual(open(), []);
  });

  it('does nothing once it is stopped', async () => {
    await world.fill([20]);
    trim = '100d';
    const looking = watch.look();
    watch.stop();
    await looking;
    await watch.look();
    assert.equal(auditState(world.database()).base.seq, 0);
    assert.equal(clock.waiting, 0);
  });
});
