import assert from 'node:assert/strict';
import { copyFile, readFile } from 'node:fs/promises';
import { EventBus } from '../../agent/events.ts';
import { Alerts } from '../../agent/monitor/alerts.ts';
import type { AlertLevel } from '../../agent/monitor/problems.ts';
import { Reports } from '../../agent/monitor/reports.ts';
import { checkCertificates } from '../../agent/procedures/certificates/checkCertificates.ts';
import type { Alert } from '../../agent/protocol/nouns.ts';
import { Database } from '../../agent/store/database.ts';
import { selfSigned } from '../procedures/certificates/authority.ts';
import { day, Folder, perform } from '../procedures/certificates/harness.ts';
import { FakeClock } from '../schedule/fakeClock.ts';

/** An agent that checks one certificate, from one restart to the next. */
class Watcher {
  readonly #folder: Folder;
  readonly #clock = new FakeClock('2024-01-01T00:00:00.000Z');
  readonly told: string[] = [];
  inWindow = false;
  level: AlertLevel = 'warning';
  #database: Database;
  alerts!: Alerts;
  #reports!: Reports;

  constructor(folder: Folder) {
    this.#folder = folder;
    this.#database = new Database(folder.path('store.db'));
    this.#begin();
  }

  restart(): void {
    this.#database.close();
    this.#database = new Database(this.#folder.path('store.db'));
    this.#begin();
  }

  close(): void {
    this.#database.close();
  }

  get today(): number {
    return (this.#clock.now() - Date.parse('2024-01-01T00:00:00.000Z')) / day;
  }

  /** A certificate that is valid from today for so many days. */
  async renew(days: number): Promise<void> {
    const from = new Date(this.#clock.now());
    const { certPem } = await selfSigned({
      names: ['shop.example.test'],
      notBefore: from,
      notAfter: new Date(from.getTime() + days * day),
    });
    await this.#folder.write('shop.pem', certPem);
  }

  /** Looks once a day, up to and with `until` (days since the beginning). */
  async watch(until: number, options: Record<string, unknown> = {}): Promise<void> {
    while (this.today <= until) {
      const now = new Date(this.#clock.now());
      const path = this.#folder.path('shop.pem');
      const world = { now: () => now };
      const { findings, part } = await perform(checkCertificates, { path: [path], ca: path, ...options }, {}, world);
      this.#reports.ofCheck(
        'certificates',
        'check-certificates',
        now.toISOString(),
        { type: 'result', outcome: 'warning', part },
        findings,
      );
      this.#clock.advance(day);
    }
  }

  #begin(): void {
    const database = this.#database;
    const clock = this.#clock;
    const events = new EventBus(database, () => clock.now());
    this.alerts = new Alerts({
      database,
      events,
      clock,
      inWindow: () => this.inWindow,
      noteHeld: () => undefined,
      notify: ({ level, message }: Alert) =>
        this.told.push(`day ${this.today}: ${level} ${/expire[sd]/.exec(message)?.[0] ?? ''}`),
    });
    this.#reports = new Reports({ database, events, alerts: this.alerts, levelOf: () => this.level });
  }
}

describe('notices of certificates that expire', () => {
  const folder = new Folder();
  let watcher: Watcher;
  beforeEach(async () => {
    await folder.create();
    watcher = new Watcher(folder);
    await watcher.renew(90);
  });
  afterEach(async () => {
    watcher.close();
    await folder.remove();
  });

  it('come once for each threshold: a third of the lifetime, a sixth, the end', async () => {
    await watcher.watch(100);
    assert.deepEqual(watcher.told, ['day 60: warning expires', 'day 75: critical expires', 'day 90: critical expired']);
  });

  it('come so also from a check that tells of nothing else below critical', async () => {
    watcher.level = 'critical';
    await watcher.watch(100);
    assert.deepEqual(watcher.told, ['day 60: warning expires', 'day 75: critical expires', 'day 90: critical expired']);
  });

  it('are one for a certificate that lies and is served at several places, also after a window', async () => {
    const copy = folder.path('copy.pem');
    await copyFile(folder.path('shop.pem'), copy);
    const both = { path: [folder.path('shop.pem'), copy] };
    await watcher.watch(65, both);
    assert.equal(watcher.alerts.open().length, 2);
    watcher.inWindow = true;
    await watcher.watch(80, both);
    watcher.inWindow = false;
    watcher.alerts.release();
    await watcher.watch(100, both);
    assert.deepEqual(watcher.told, ['day 60: warning expires', 'day 81: critical expires', 'day 90: critical expired']);
  });

  it('are told by the other place when the one that was to tell is put right in a window', async () => {
    const copy = folder.path('copy.pem');
    await copyFile(folder.path('shop.pem'), copy);
    const both = { path: [folder.path('shop.pem'), copy] };
    watcher.inWindow = true;
    await watcher.watch(62, both);
    await watcher.renew(90);
    const texts = await Promise.all(both.path.map((path) => readFile(path, 'utf8')));
    const ca = await folder.write('trusted.pem', texts.join(''));
    await watcher.watch(63, { ...both, ca });
    watcher.inWindow = false;
    watcher.alerts.release();
    await watcher.watch(64, { ...both, ca });
    assert.deepEqual(watcher.told, ['day 64: warning expires']);
  });

  it('come at the days of alert_threshold_days where it is given', async () => {
    await watcher.watch(100, { warnDays: 20 });
    assert.deepEqual(watcher.told, ['day 70: warning expires', 'day 80: critical expires', 'day 90: critical expired']);
  });

  it('do not come again after a restart, or when the file could not be read for a day', async () => {
    await watcher.watch(65);
    watcher.restart();
    await watcher.watch(66);
    await watcher.watch(67, { path: [folder.path('missing.pem')] });
    assert.deepEqual(watcher.told.splice(1), ['day 67: critical ']);
    watcher.restart();
    await watcher.watch(74);
    assert.deepEqual(watcher.told, ['day 60: warning expires']);
    assert.equal(watcher.alerts.open().length, 1);
  });

  it('begin anew with another certificate, and only then', async () => {
    await watcher.watch(65);
    await watcher.renew(60);
    await watcher.watch(100);
    assert.deepEqual(watcher.alerts.open(), []);
    await watcher.watch(130);
    assert.deepEqual(watcher.told, [
      'day 60: warning expires',
      'day 106: warning expires',
      'day 116: critical expires',
      'day 126: critical expired',
    ]);
  });

  it('fire again what somebody has acknowledged, at the next threshold', async () => {
    await watcher.watch(65);
    const [alert] = watcher.alerts.open();
    watcher.alerts.acknowledge(alert?.id ?? '', 'alice');
    await watcher.watch(74);
    assert.equal(watcher.alerts.open()[0]?.state, 'acknowledged');
    await watcher.watch(75);
    assert.deepEqual([watcher.alerts.open()[0]?.state, watcher.told.length], ['firing', 2]);
  });

  it('wait for the end of a maintenance window, and are lost by none', async () => {
    watcher.inWindow = true;
    await watcher.watch(62);
    assert.deepEqual(watcher.told, []);
    watcher.restart();
    watcher.inWindow = false;
    watcher.alerts.release();
    await watcher.watch(74);
    assert.deepEqual(watcher.told, ['day 63: warning expires']);
    watcher.inWindow = true;
    await watcher.watch(76);
    watcher.inWindow = false;
    await watcher.watch(77);
    watcher.alerts.release();
    assert.deepEqual(watcher.told, ['day 63: warning expires', 'day 77: critical expires']);
  });
});
