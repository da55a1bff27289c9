import assert from 'node:assert/strict';
import { alertRows } from '../../../extension/dashboard/alertRows.ts';
import { componentsOf } from '../../../extension/dashboard/components.ts';
import { lifetimesOf } from '../../../extension/dashboard/lifetimes.ts';
import {
  ago,
  ahead,
  makeAlert,
  makeCertificate,
  makeFinding,
  makeHost,
  makeReport,
  makeSnapshot,
  now,
} from '../nouns.ts';

const hour = 3_600_000;
const day = 24 * hour;

describe('alertRows', () => {
  const rows = (...alerts: ReturnType<typeof makeAlert>[]): ReturnType<typeof alertRows> =>
    alertRows(makeHost({ alerts }), makeSnapshot({ alerts }), now);

  it('lists what stands first, then what was resolved in the last day', () => {
    const { alerts } = rows(
      makeAlert({ id: 'old', state: 'resolved', updatedAt: ago(25 * hour) }),
      makeAlert({ id: 'resolved', state: 'resolved', updatedAt: ago(hour) }),
      makeAlert({ id: 'warning', level: 'warning' }),
      makeAlert({ id: 'critical' }),
    );
    assert.deepEqual(
      alerts.map((alert) => [alert.id, alert.state, alert.open]),
      [
        ['critical', 'critical', true],
        ['warning', 'warning', true],
        ['resolved', 'resolved', false],
      ],
    );
  });

  it('says who has seen it and what holds it, and offers to acknowledge only what fires', () => {
    const { alerts } = rows(
      makeAlert({ id: 'a', state: 'acknowledged', acknowledgedBy: 'bob' }),
      makeAlert({ id: 'b', held: true, runId: null }),
    );
    assert.deepEqual(
      alerts.map((alert) => [alert.state, alert.actions.map((action) => action.label)]),
      [
        ['seen by bob', ['Open Output']],
        ['held by a window', ['Acknowledge']],
      ],
    );
  });

  it('is silent in words when there is nothing, and says what it leaves out', () => {
    assert.equal(rows().note, 'No alert stands or stood in the last 24 hours.');
    assert.equal(rows(...Array.from({ length: 15 }, (_, index) => makeAlert({ id: `a${index}` }))).note, '3 more');
  });
});

describe('lifetimesOf', () => {
  const lifetimes = (...certificates: ReturnType<typeof makeCertificate>[]): ReturnType<typeof lifetimesOf> =>
    lifetimesOf(makeHost({ reports: [makeReport({ certificates })] }), now);

  it('shows how much of a life is over and when renewal is due', () => {
    const [one] = lifetimes(
      makeCertificate({ notBefore: ago(60 * day), notAfter: ahead(40 * day), warnDays: 30, criticalDays: 10 }),
    ).lifetimes;
    assert.deepEqual(
      [one?.span?.elapsed, one?.span?.warnAt, one?.span?.criticalAt, one?.text],
      [0.6, 0.7, 0.9, '40 days left'],
    );
    assert.match(
      one?.spoken ?? '',
      /^ok, 60 % of its lifetime is over, from \S+ to \S+, warning from \S+, critical from \S+$/,
    );
    assert.deepEqual(one?.command, { name: 'showCertificate', host: 'db-01', source: '/etc/ssl/api.pem' });
  });

  it('sorts by urgency; an expired one is over, an unreadable one has no span', () => {
    const { lifetimes: all } = lifetimes(
      makeCertificate({ source: 'fine' }),
      makeCertificate({
        source: 'gone',
        fingerprint: null,
        notBefore: null,
        notAfter: null,
        daysLeft: null,
        status: 'unreadable',
        level: 'warning',
      }),
      makeCertificate({
        source: 'dead',
        fingerprint: '01',
        notAfter: ago(day),
        daysLeft: -1,
        status: 'expired',
        level: 'critical',
      }),
    );
    assert.deepEqual(
      all.map((one) => [one.source, one.tone, one.text, one.span?.elapsed ?? null]),
      [
        ['dead', 'bad', 'expired 1 day ago', 1],
        ['gone', 'warning', 'shows no certificate', null],
        ['fine', 'good', '45 days left', 60 / 105],
      ],
    );
  });

  it('shows a certificate in several places once, with the places and all that is wrong', () => {
    const { lifetimes: all } = lifetimes(
      makeCertificate({ source: '/etc/ssl/api.pem' }),
      makeCertificate({ source: 'api:443', reasons: ['host_mismatch'], level: 'critical', status: 'bad' }),
    );
    assert.deepEqual(
      all.map(({ source, reasons, tone }) => [source, reasons, tone]),
      [['api:443, /etc/ssl/api.pem', ['not for this host name'], 'bad']],
    );
  });

  it('survives a life that ends before it begins', () => {
    const [one] = lifetimes(makeCertificate({ notBefore: ahead(day), notAfter: ago(day) })).lifetimes;
    assert.deepEqual([one?.span?.elapsed, one?.span?.warnAt], [1, 1]);
  });
});

describe('componentsOf', () => {
  it('groups findings by component, the worst first, and leaves certificates to their own section', () => {
    const { components } = componentsOf(
      makeSnapshot({
        reports: [
          makeReport({
            findings: [
              makeFinding({ code: 'cpu.usage' }),
              makeFinding({ subject: '/' }),
              makeFinding({ level: 'critical', subject: '/var', value: 96, threshold: 85, unit: '%' }),
            ],
          }),
          makeReport({ id: 'c', certificates: [], findings: [makeFinding({ code: 'certificate.expiry' })] }),
        ],
      }),
    );
    assert.deepEqual(
      components.map((one) => [one.title, one.text, one.findings.map((finding) => finding.subject)]),
      [
        ['Disk', '1 problem of 2', ['/var', '/']],
        ['CPU', 'ok', ['/']],
      ],
    );
    assert.equal(components[0]?.findings[0]?.meter?.value, 0.96);
  });

  it('shows every problem, and says how much else there is', () => {
    const problems = Array.from({ length: 9 }, (_, index) =>
      makeFinding({ level: 'warning', subject: `/bad${index}` }),
    );
    const fine = Array.from({ length: 5 }, (_, index) => makeFinding({ subject: `/fine${index}` }));
    const [disk] = componentsOf(
      makeSnapshot({ reports: [makeReport({ findings: [...fine, ...problems] })] }),
    ).components;
    assert.deepEqual([disk?.findings.length, disk?.more], [9, '5 more without a problem']);
    assert.match(componentsOf(makeSnapshot()).note, /^Nothing has been looked at yet/);
  });
});
