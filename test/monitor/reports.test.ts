import assert from 'node:assert/strict';
import { EventBus } from '../../agent/events.ts';
import { Alerts } from '../../agent/monitor/alerts.ts';
import type { AlertLevel } from '../../agent/monitor/problems.ts';
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
  const levels = new Map<string, AlertLevel>();

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
    reports = new Reports({
      database,
      events,
      alerts,
      levelOf: (report) => (report.id.startsWith('check:') ? 'critical' : (levels.get(report.id) ?? null)),
    });
  });
  afterEach(() => {
    database.close();
  });

  const finding = (level: FindingLevel, code = 'a.b'): Finding => ({
    level,
    code,
    subject: 'shop.example',
    message: `is ${level}`,
  });
  const end = (outcome: Outcome, alertOn: AlertOn, findings: Finding[] = [], at = '2024-03-01T00:00:00.000Z'): void => {
    levels.set(
      'task:certificate_check',
      { nothing: null, failure: 'critical' as const, warning: 'warning' as const }[alertOn],
    );
    const told = outcome === 'failed' ? 'failed' : 'warning';
    reports.ofRun({
      run: { ...template.run, outcome, endedAt: at, procedure: 'check-certificates' },
      findings,
      end: { type: 'result', outcome: told, part: {} },
      alertOn,
    });
  };
  const check = (at: string, ...findings: Finding[]): void => {
    reports.ofCheck('health', 'health-check', at, { type: 'result', outcome: 'warning', part: {} }, findings);
  };
  const open = (): Pick<Alert, 'level' | 'title' | 'message'>[] =>
    alerts.open().map(({ level, title, message }) => ({ level, title, message }));

  it('alerts for a missed run whatever the task says of failures, until it has run well', () => {
    end('missed', 'nothing');
    assert.deepEqual(
      open().map(({ level, title }) => [level, title]),
      [['warning', 'certificate_check missed']],
    );
    end('failed', 'nothing');
    assert.equal(open().length, 1);
    end('changed', 'nothing');
    assert.deepEqual(open(), []);
    end('missed', 'failure');
    assert.deepEqual(
      open().map(({ level }) => level),
      ['critical'],
    );
  });

  it('takes back the alerts of tasks that are no longer configured', () => {
    end('missed', 'nothing');
    reports.keepOnly(new Set(['task:certificate_check']));
    assert.equal(open().length, 1);
    reports.keepOnly(new Set(['task:certificate']));
    assert.deepEqual(open(), []);
  });

  it('alerts for a failed task until it ends well', () => {
    end('failed', 'failure');
    assert.deepEqual(open(), [{ level: 'critical', title: 'certificate_check failed', message: 'look at its output' }]);
    end('changed', 'failure');
    assert.deepEqual(open(), []);
  });

  it('alerts for each critical finding, and for a warning only where a threshold was asked for', () => {
    end('warning', 'failure', [finding('warning')]);
    assert.deepEqual(open(), []);
    end('warning', 'warning', [finding('warning')]);
    assert.deepEqual(open(), [{ level: 'warning', title: 'A b: shop.example', message: 'is warning' }]);
    end('warning', 'failure', [finding('critical')]);
    assert.deepEqual(open(), [{ level: 'critical', title: 'A b: shop.example', message: 'is critical' }]);
  });

  it('alerts for a certificate that expires from the warning on, whoever looks, but not where nobody is to be told', () => {
    const expiring = finding('warning', 'certificates.expiry');
    check('2024-03-01T00:00:00.000Z', expiring, finding('warning'));
    assert.deepEqual(
      open().map(({ level, title }) => [level, title]),
      [['warning', 'Certificates expiry: shop.example']],
    );
    check('2024-03-01T00:01:00.000Z');
    assert.deepEqual(open(), []);
    end('warning', 'failure', [expiring], '2024-03-01T00:02:00.000Z');
    assert.equal(open().length, 1);
    end('warning', 'nothing', [expiring], '2024-03-01T00:03:00.000Z');
    assert.deepEqual(open(), []);
  });

  it('alerts for nothing where nobody asked, and leaves an alert as it is after a cancelled run', () => {
    end('failed', 'nothing', [finding('critical')]);
    assert.deepEqual(open(), []);
    end('failed', 'failure');
    end('cancelled', 'failure');
    assert.equal(open().length, 1);
  });

  it('is one alert for one problem, whoever sees it, and the newest look decides whether it is over', () => {
    check('2024-03-01T00:00:00.000Z', finding('critical'), { ...finding('critical'), subject: 'other' });
    end('warning', 'failure', [finding('critical')], '2024-03-01T00:01:00.000Z');
    assert.equal(open().length, 2);
    check('2024-03-01T00:02:00.000Z', finding('ok'));
    assert.deepEqual(open(), []);
    end('warning', 'failure', [finding('critical')], '2024-03-01T00:03:00.000Z');
    assert.equal(open().length, 1);
    reports.keepOnly(new Set());
    assert.deepEqual([open(), reports.list()], [[], []]);
  });

  it('alerts for the worst of several findings of one report about the same thing, in whatever order they come', () => {
    check('2024-03-01T01:00:00.000Z', finding('critical'), finding('ok'));
    assert.deepEqual(open(), [{ level: 'critical', title: 'A b: shop.example', message: 'is critical' }]);
    check('2024-03-01T02:00:00.000Z', finding('ok'), finding('critical'));
    assert.equal(open().length, 1);
    check('2024-03-01T03:00:00.000Z', finding('ok'), finding('ok'));
    assert.deepEqual(open(), []);
  });

  it('does not flap between a task that tells of warnings and a check that does not', () => {
    end('warning', 'warning', [finding('warning')], '2024-03-01T00:00:00.000Z');
    check('2024-03-01T00:01:00.000Z', finding('warning'));
    assert.equal(open().length, 1);
    check('2024-03-01T00:02:00.000Z', finding('critical'));
    assert.equal(open()[0]?.level, 'critical');
    check('2024-03-01T00:03:00.000Z', finding('warning'));
    assert.deepEqual(
      open().map(({ level }) => level),
      ['warning'],
    );
  });
});
