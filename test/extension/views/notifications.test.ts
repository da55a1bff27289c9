import assert from 'node:assert/strict';
import {
  alertText,
  alertsText,
  alertsToAnnounce,
  approvalsToAnnounce,
  configurationTrouble,
} from '../../../extension/views/notifications.ts';
import { makeAlert, makeHost, makeSnapshot, makeWaitingRun } from '../nouns.ts';

const none = makeSnapshot();
const titles = (alerts: readonly { readonly title: string }[]): string[] => alerts.map((alert) => alert.title);

describe('approvalsToAnnounce', () => {
  const waiting = makeHost({ runs: [makeWaitingRun()] });
  const ids = (runs: readonly { readonly id: string }[]): string[] => runs.map(({ id }) => id);

  it('asks once, also for what waited before the editor came, until it does not wait any more', () => {
    const told = new Set<string>();
    assert.deepEqual(ids(approvalsToAnnounce(waiting, told, 'all')), ['run-w']);
    assert.deepEqual(approvalsToAnnounce(waiting, told, 'all'), []);
    const away = {
      kind: 'waiting',
      attempt: 1,
      failures: 1,
      retryAt: 0,
      problem: { message: 'x', code: null, final: false },
    } as const;
    approvalsToAnnounce(makeHost({ runs: [makeWaitingRun()] }, { connection: away }), told, 'all');
    assert.deepEqual(approvalsToAnnounce(waiting, told, 'all'), []);
    approvalsToAnnounce(makeHost(), told, 'all');
    assert.equal(told.size, 0);
  });

  it('asks nobody who may not approve, and obeys the setting', () => {
    const asker = makeHost({ runs: [makeWaitingRun()] }, { actor: 'bob' });
    assert.deepEqual(approvalsToAnnounce(asker, new Set(), 'all'), []);
    assert.deepEqual(approvalsToAnnounce(waiting, new Set(), 'none'), []);
  });
});

describe('alertsToAnnounce', () => {
  it('announces a new alert once, until it is resolved and comes back', () => {
    const announced = new Set<string>();
    const firing = makeSnapshot({ alerts: [makeAlert()] });
    const resolved = makeSnapshot({ alerts: [makeAlert({ state: 'resolved' })] });
    assert.equal(alertsToAnnounce(none, firing, announced, 'all').length, 1);
    assert.equal(alertsToAnnounce(firing, firing, announced, 'all').length, 0);
    assert.equal(alertsToAnnounce(firing, resolved, announced, 'all').length, 0);
    assert.equal(alertsToAnnounce(resolved, firing, announced, 'all').length, 1);
  });

  it('keeps quiet about what stood before the editor came, and about what somebody has seen', () => {
    const announced = new Set<string>();
    const firing = makeSnapshot({ alerts: [makeAlert()] });
    assert.equal(alertsToAnnounce(null, firing, announced, 'all').length, 0);
    assert.equal(alertsToAnnounce(firing, firing, announced, 'all').length, 0);
    const seen = makeSnapshot({ alerts: [makeAlert({ id: 'b', state: 'acknowledged' })] });
    assert.equal(alertsToAnnounce(none, seen, announced, 'all').length, 0);
  });

  it('announces what a window held back when it is let go', () => {
    const announced = new Set<string>();
    const held = makeSnapshot({ alerts: [makeAlert({ held: true })] });
    const free = makeSnapshot({ alerts: [makeAlert()] });
    assert.equal(alertsToAnnounce(none, held, announced, 'all').length, 0);
    assert.equal(alertsToAnnounce(held, free, announced, 'all').length, 1);
  });

  it('obeys the setting', () => {
    const next = makeSnapshot({
      alerts: [
        makeAlert({ id: 'a', title: 'task' }),
        makeAlert({ id: 'b', title: 'check', key: 'finding:disk.usage:/', runId: null }),
        makeAlert({ id: 'c', title: 'mild', key: 'finding:cpu.usage:', level: 'warning', runId: null }),
        makeAlert({ id: 'd', title: 'mild of a run', key: 'finding:cpu.load:', level: 'warning' }),
      ],
    });
    assert.deepEqual(titles(alertsToAnnounce(none, next, new Set(), 'all')), ['task', 'check', 'mild of a run']);
    assert.deepEqual(titles(alertsToAnnounce(none, next, new Set(), 'tasks')), ['task']);
    assert.deepEqual(titles(alertsToAnnounce(none, next, new Set(), 'none')), []);
  });
});

describe('alertText', () => {
  for (const [title, message, text] of [
    ['daily_vacuum failed', 'exit code 2', 'db-01: daily_vacuum failed: exit code 2'],
    ['Disk usage: /var', '/var: 91 % is used', 'db-01: Disk usage: /var: 91 % is used'],
    [
      'Certificate expires: mail/fullchain.pem',
      '/srv/tls/mail/fullchain.pem: 3 days are left',
      'db-01: Certificate expires: mail/fullchain.pem: 3 days are left',
    ],
    ['shop website is not available', 'Shop website is not available.', 'db-01: shop website is not available'],
  ] as const)
    it(`says "${text}"`, () => {
      assert.equal(alertText('db-01', makeAlert({ title, message })), text);
    });
});

describe('alertsText', () => {
  it('names the first two of many and counts the rest', () => {
    const alerts = ['a', 'b', 'c', 'd'].map((title) => makeAlert({ title }));
    assert.equal(alertsText('db-01', alerts), 'db-01: 4 new alerts: a; b; and 2 more');
    assert.equal(alertsText('db-01', alerts.slice(0, 2)), 'db-01: 2 new alerts: a; b');
  });
});

describe('configurationTrouble', () => {
  const error = { line: 3, column: 5, severity: 'error' as const, code: 'x', task: null, message: 'unknown key `a`' };
  const broken = { ...none.config, stale: true, diagnostics: [error] };

  it('tells of a refused configuration once for each way in which it is', () => {
    assert.equal(
      configurationTrouble(none.config, broken),
      'the configuration is refused, the last good one stays in force: line 3: unknown key `a`',
    );
    assert.equal(configurationTrouble(broken, { ...broken }), null);
    assert.notEqual(configurationTrouble(broken, { ...broken, diagnostics: [{ ...error, line: 4 }] }), null);
    assert.equal(configurationTrouble(broken, none.config), null);
  });

  it('keeps quiet about warnings', () => {
    const warned = { ...none.config, diagnostics: [{ ...error, severity: 'warning' as const }] };
    assert.equal(configurationTrouble(none.config, warned), null);
  });
});
