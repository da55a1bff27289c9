import assert from 'node:assert/strict';
import { healthModel } from '../../../extension/views/healthModel.ts';
import { tooltipLines } from '../../../extension/views/node.ts';
import { ago, makeAlert, makeCertificate, makeFinding, makeHost, makeProcedure, makeReport, now } from '../nouns.ts';
import { flat, outline } from '../outline.ts';

const remedy = { procedure: 'database-daily-maintenance', options: {}, title: 'Vacuum the table' };

describe('healthModel', () => {
  it('shows open alerts on top, then component, check and finding', () => {
    const findings = [
      makeFinding(),
      makeFinding({ subject: '/var', level: 'warning', message: '85 % of /var is used' }),
      makeFinding({ code: 'database.bloat', subject: 'public.orders', level: 'critical', message: '3 times', remedy }),
    ];
    const host = makeHost({ alerts: [makeAlert()], reports: [makeReport({ findings })] });
    assert.deepEqual(outline(healthModel([host], now)), [
      'bell-dot (bad) daily_vacuum failed | exit code 2 · 10 min ago',
      'error (bad) Database | 1 problem of 1',
      '  error (bad) Bloat | 3 times',
      'warning (warning) Disk | 1 problem of 2',
      '  warning (warning) Usage | 2 findings',
      '    warning (warning) /var | 85 % of /var is used',
      '    pass (good) / | 40 % of / is used',
    ]);
  });

  it('orders alerts by level, then by age, with held ones last', () => {
    const alerts = [
      makeAlert({ id: 'a', title: 'old warning', level: 'warning', since: ago(9e6) }),
      makeAlert({ id: 'b', title: 'held', held: true, since: ago(5e6) }),
      makeAlert({ id: 'c', title: 'seen', state: 'acknowledged', acknowledgedBy: 'alice', since: ago(4e6) }),
      makeAlert({ id: 'd', title: 'gone', state: 'resolved' }),
    ];
    const nodes = healthModel([makeHost({ alerts })], now);
    assert.deepEqual(
      nodes.map((node) => [node.label, node.icon, node.context]),
      [
        ['seen', 'bell', 'alert acknowledged withRun'],
        ['old warning', 'bell-dot', 'alert firing withRun'],
        ['held', 'bell-slash', 'alert firing withRun'],
      ],
    );
    assert.match(nodes[0]?.description ?? '', /^seen by alice/);
  });

  it('names certificates instead of their paths, with the days that are left first', () => {
    const source = '/srv/tls/example/mail/fullchain.pem';
    const certificates = [makeCertificate({ source, names: ['mail.example.test'], daysLeft: 3 })];
    const message = 'The certificate expires soon.';
    const findings = [
      makeFinding({ code: 'certificates.expiry', subject: source, level: 'critical', message }),
      makeFinding({ code: 'logs.size', subject: '/srv/app/logs/a.log' }),
      makeFinding({ code: 'logs.size', subject: '/srv/app/logs/b.log' }),
    ];
    const lines = outline(healthModel([makeHost({ reports: [makeReport({ findings, certificates })] })], now));
    assert.equal(lines[1], `  error (bad) Expiry: mail.example.test | 3 days left · mail/fullchain.pem · ${message}`);
    assert.match(lines[4] ?? '', /pass \(good\) logs\/a\.log/);
  });

  it('counts alerts that a window holds back apart', () => {
    const alerts = [makeAlert({ id: 'a' }), makeAlert({ id: 'b', held: true })];
    const [first] = healthModel([makeHost({ alerts }), makeHost({}, { name: 'db-02' })], now);
    assert.equal(first?.description, 'ok · 1 open alert · 1 held');
  });

  it('takes the newest report of what several looked at', () => {
    const reports = [
      makeReport({ id: 'task:health', at: ago(1000), findings: [makeFinding({ message: 'new' })] }),
      makeReport({ id: 'check:health', at: ago(90_000), findings: [makeFinding({ message: 'old' })] }),
    ];
    assert.deepEqual(outline(healthModel([makeHost({ reports })], now)), [
      'pass (good) Disk | ok',
      '  pass (good) Usage | new',
    ]);
  });

  it('shows every finding of a report about one thing, under ids of their own, until the next report', () => {
    const about = { code: 'database.disk', subject: 'shop' } as const;
    const findings = [
      makeFinding({ ...about, level: 'critical', message: 'data directory: 97 % full' }),
      makeFinding({ ...about, message: 'WAL: 10 % full' }),
    ];
    const older = makeReport({
      id: 'task:health',
      at: ago(90_000),
      findings: [makeFinding({ ...about, message: 'old' })],
    });
    const reports = [makeReport({ findings }), older];
    const nodes = healthModel([makeHost({ reports })], now);
    assert.deepEqual(outline(nodes), [
      'error (bad) Database | 1 problem of 2',
      '  error (bad) Disk | 2 findings',
      '    error (bad) shop | data directory: 97 % full',
      '    pass (good) shop | WAL: 10 % full',
    ]);
    const ids = flat(nodes).map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
  });

  it('offers a remedy only where the finding has one', () => {
    const findings = [makeFinding({ remedy }), makeFinding({ code: 'disk.inodes' })];
    const procedures = [makeProcedure({ name: remedy.procedure })];
    const host = makeHost({ reports: [makeReport({ findings })], procedures });
    const contexts = flat(healthModel([host], now)).map((n) => n.context);
    assert.deepEqual(contexts, ['component', 'finding', 'finding remediable']);
  });

  it('names a remedy that this agent does not have, and does not offer it', () => {
    const host = makeHost({ reports: [makeReport({ findings: [makeFinding({ remedy })] })] });
    const [, found] = flat(healthModel([host], now));
    assert.equal(found?.context, 'finding');
    assert.ok(tooltipLines(found).some((line) => line.includes(`(this agent has no procedure ${remedy.procedure})`)));
  });

  it('groups by host when there are several', () => {
    const nodes = healthModel([makeHost(), makeHost({ alerts: [makeAlert()] }, { name: 'db-02' })], now);
    assert.deepEqual(
      nodes.map((node) => [node.label, node.description]),
      [
        ['db-01', 'ok'],
        ['db-02', 'ok · 1 open alert'],
      ],
    );
  });
});
