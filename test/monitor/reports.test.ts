import assert from 'node:assert/strict';
import { EventBus } from '../../agent/events.ts';
import { Alerts } from '../../agent/monitor/alerts.ts';
import { Reports } from '../../agent/monitor/reports.ts';
import type { Alert, Finding, FindingLevel, Outcome } from '../../agent/protocol/nouns.ts';
import type { AlertOn, EndedRun } from '../../agent/run/runner.ts';
import { Database } from '../../agent/store/database.ts';
import { runnerHarness } from '../run/harness.ts';
import { FakeClock } from '../schedule/fakeClock.ts';

describe('Reports', () => {
  let database: Database;
  let alerts: Alerts;
  let reports: Reports;
  let template: EndedRun;

  before(async () => {
    const harness = runnerHarness();
    const run = await harness.launch('exit 0', { task: 'certificate_check' });
    await harness.runner.whenEnded(run.id);
    template = harness.ended[0] ?? assert.fail('no run');
    harness.dispose();
  });
  beforeEach(() => {
    const clock = new FakeClock('2024-03-01T00:00:00.000Z');
    database = new Database(':memory:');
    const events = new EventBus(database, () => clock.now());
    alerts = new Alerts({
      database,
      events,
      clock,
      inWindow: () => false,
      noteHeld: () => undefined,
      notify: () => undefined,
    });
    reports = new Reports(database, events, alerts);
  });
  afterEach(() => {
    database.close();
  });

  const finding = (level: FindingLevel): Finding => ({
    level,
    code: 'a.b',
    subject: 'shop.example',
    message: `is ${level}`,
  });
  const end = (outcome: Outcome, alertOn: AlertOn, findings: Finding[] = []): void => {
    reports.ofRun({
      run: { ...template.run, outcome, procedure: 'check-certificates' },
      findings,
      end: { type: 'result', outcome: 'warning', part: {} },
      alertOn,
    });
  };
  const open = (): Pick<Alert, 'level' | 'title' | 'message'>[] =>
    alerts.open().map(({ level, title, message }) => ({ level, title, message }));

  it('alerts for a failure, and for a critical finding of a run that ended well enough', () => {
    end('failed', 'failure');
    assert.deepEqual(
      open().map(({ level, title }) => ({ level, title })),
      [{ level: 'critical', title: 'certificate_check failed' }],
    );
    end('warning', 'failure', [finding('warning'), finding('critical')]);
    assert.deepEqual(
      open().map(({ message }) => message),
      ['shop.example: is critical'],
    );
    end('changed', 'failure');
    assert.deepEqual(open(), []);
  });

  it('alerts for a warning only where a threshold was asked for', () => {
    end('warning', 'failure', [finding('warning')]);
    assert.deepEqual(open(), []);
    end('warning', 'warning', [finding('warning')]);
    assert.deepEqual(open(), [
      { level: 'warning', title: 'certificate_check found a problem', message: 'shop.example: is warning' },
    ]);
  });

  it('alerts for nothing where nobody asked, and leaves an alert as it is after a cancelled run', () => {
    end('failed', 'nothing');
    assert.deepEqual(open(), []);
    end('failed', 'failure');
    end('cancelled', 'failure');
    assert.equal(open().length, 1);
  });

  it('alerts for each critical finding of a check until a later one no longer sees it', () => {
    const at = '2024-03-01T00:00:00.000Z';
    const result = { type: 'result', outcome: 'warning', part: {} } as const;
    reports.ofCheck('health', 'health-check', at, result, [
      finding('critical'),
      { ...finding('critical'), subject: 'other' },
    ]);
    assert.equal(open().length, 2);
    reports.ofCheck('health', 'health-check', at, result, [finding('critical'), finding('ok')]);
    assert.equal(open().length, 1);
    reports.keepOnly(new Set());
    assert.deepEqual([open(), reports.list()], [[], []]);
  });
});
