import assert from 'node:assert/strict';
import { certificatesModel, certificatesSummary } from '../../../extension/views/certificatesModel.ts';
import { certificateSource } from '../../../extension/views/foundCertificates.ts';
import { tooltipLines } from '../../../extension/views/node.ts';
import { localTime } from '../../../extension/views/text.ts';
import { ago, ahead, makeCertificate, makeFinding, makeHost, makeProcedure, makeReport, now } from '../nouns.ts';
import { flat, outline } from '../outline.ts';

describe('certificatesModel', () => {
  it('sorts by urgency and says days left in words and colour', () => {
    const certificates = [
      makeCertificate(),
      makeCertificate({
        source: 'mail:465',
        fingerprint: '01',
        names: [],
        subject: 'CN=mail, O=X',
        daysLeft: 12,
        status: 'expiring',
        level: 'warning',
      }),
      makeCertificate({
        source: 'old:443',
        fingerprint: '02',
        names: ['old'],
        daysLeft: -3,
        status: 'expired',
        level: 'critical',
      }),
      makeCertificate({
        source: '/etc/gone.pem',
        fingerprint: null,
        names: [],
        subject: '',
        daysLeft: null,
        status: 'unreadable',
        level: 'critical',
        reasons: ['missing'],
      }),
    ];
    const lines = outline(certificatesModel([makeHost({ reports: [makeReport({ certificates })] })], now));
    assert.deepEqual(
      lines.filter((line) => !line.startsWith(' ')),
      [
        'error (bad) /etc/gone.pem | missing',
        'error (bad) old | expired 3 days ago',
        'clock (warning) mail | 12 days left',
        'verified (good) api.example.test | 45 days left',
      ],
    );
    assert.ok(lines.includes('  dash (muted) Names | api.example.test'));
  });

  it('groups by host when there are several, the most urgent host first, and folds those that are known to be fine', () => {
    const report = makeReport({ certificates: [makeCertificate()] });
    const older = makeReport({ id: 'x', at: ago(9e6), certificates: [makeCertificate({ daysLeft: 46 })] });
    const worse = makeReport({
      certificates: [makeCertificate({ daysLeft: 3, status: 'expiring', level: 'critical' })],
    });
    const offline = {
      kind: 'failed' as const,
      attempt: 1,
      failures: 1,
      problem: { kind: 'refused' as const, message: 'the token was refused' },
    };
    const hosts = [
      makeHost({ reports: [older, report] }),
      makeHost({ reports: [worse] }, { name: 'db-02' }),
      makeHost({}, { name: 'db-03', data: null, connection: offline as never }),
    ];
    const nodes = certificatesModel(hosts, now);
    assert.deepEqual(
      nodes.map(({ label, description, expanded }) => [label, description, expanded]),
      [
        ['db-02', '1 critical', true],
        ['db-01', '1 fine', false],
        ['db-03', 'the token was refused', true],
      ],
    );
    assert.deepEqual(
      nodes.flatMap((node) => (node.children?.() ?? []).map((child) => child.description)),
      ['3 days left', '45 days left'],
    );
    assert.equal(certificatesSummary(hosts, now), '1 critical · 1 fine');
  });

  it('shows the same certificate in several places once, with each place and what is wrong there below', () => {
    const certificates = [
      makeCertificate({ source: '/srv/tls/example/mail/fullchain.pem' }),
      makeCertificate({ source: 'localhost:465', reasons: ['host_mismatch'], level: 'critical' }),
    ];
    const [node, ...more] = certificatesModel([makeHost({ reports: [makeReport({ certificates })] })], now);
    assert.equal(more.length, 0);
    assert.equal(node?.description, '45 days left · not for this host name');
    assert.deepEqual(outline(node.children?.() ?? []).slice(0, 2), [
      'globe (bad) localhost:465 | served · not for this host name',
      'file (muted) mail/fullchain.pem | file',
    ]);
    assert.ok(tooltipLines(node).includes('Seen: /srv/tls/example/mail/fullchain.pem'));
  });

  it('says what can be done about each, by what the agent has and the certificate is', () => {
    const certificates = [
      makeCertificate(),
      makeCertificate({ source: 'mail:465', fingerprint: '01', names: ['10.1.2.3', 'mail.example.test'] }),
      makeCertificate({ source: '/etc/wild.pem', fingerprint: '02', names: ['*.example.test'] }),
    ];
    const has = (...names: string[]) => names.map((name) => makeProcedure({ name }));
    const words = (...names: string[]) =>
      certificatesModel([makeHost({ reports: [makeReport({ certificates })], procedures: has(...names) })], now).map(
        ({ label, context }) => `${label}: ${context.replace(' fingerprinted', '')}`,
      );
    assert.deepEqual(words(), [
      'api.example.test: certificate',
      '*.example.test: certificate',
      '10.1.2.3: certificate',
    ]);
    assert.deepEqual(words('verify-certificate', 'renew-certificate', 'backup-certificates'), [
      'api.example.test: certificate verifiable renewable archivable',
      '*.example.test: certificate verifiable archivable',
      '10.1.2.3: certificate renewable archivable',
    ]);
    assert.deepEqual(words('check-certificates', 'deploy-certificate', 'restore-certificates'), [
      'api.example.test: certificate deployable restorable',
      '*.example.test: certificate restorable',
      '10.1.2.3: certificate verifiable deployable restorable',
    ]);
  });

  it('tells in the tooltip what is wrong and what to do, the thresholds, the chain to its root with each end, names and places', () => {
    const certificate = makeCertificate({
      daysLeft: 12,
      status: 'expiring',
      level: 'warning',
      names: ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => `${name}.example.test`),
      keyType: 'EC P-256',
      warnDays: 30,
      criticalDays: 10,
      chain: [
        { subject: 'CN=a.example.test', issuer: 'CN=Middle', notAfter: ahead(12 * 86_400_000) },
        { subject: 'CN=Middle', issuer: 'CN=Root', notAfter: ahead(400 * 86_400_000) },
        { subject: 'CN=Root', issuer: 'CN=Root', notAfter: ago(3 * 86_400_000) },
      ],
    });
    const finding = makeFinding({
      level: 'warning',
      code: 'certificates.expiry',
      subject: certificate.source,
      message: `The certificate of a.example.test in ${certificate.source} expires on 2026-03-13 (in 12 days); renew it.`,
    });
    const report = makeReport({ id: 'check:certificates', findings: [finding], certificates: [certificate] });
    const [node] = certificatesModel([makeHost({ reports: [report] })], now);
    assert.ok(node);
    const lines = tooltipLines(node);
    assert.deepEqual(lines.slice(0, 3), [
      'a.example.test: 12 days left',
      'Expires on 2026-03-13 (in 12 days); renew it.',
      '',
    ]);
    for (const line of [
      'Names: a.example.test, b.example.test, c.example.test, d.example.test, e.example.test and 2 more',
      'Key: EC P-256, matches the certificate',
      `SHA\u2011256: ${'ab'.repeat(16)} ${'ab'.repeat(16)}`,
      '1. CN=a.example.test, until 2026-03-13 (12 days left)',
      '3. CN=Root, until 2026-02-26 (expired 3 days ago)',
      `Looked at: ${localTime(report.at)} (check certificates)`,
    ])
      assert.ok(lines.includes(line), `${line} in\n${lines.join('\n')}`);
    assert.ok(lines.some((line) => /^Warning: from 2026-02-1\d, critical from 2026-03-0\d$/.test(line)));
    assert.equal(node.spoken, 'a.example.test, 12 days left, warning');
  });

  it('shows below a certificate what was found wrong with it, each with the remedy that its agent knows', () => {
    const certificate = makeCertificate({ status: 'expiring', level: 'warning' });
    const remedy = { procedure: 'renew-certificate', options: { domain: 'api.example.test' }, title: 'Renew it' };
    const about = { subject: certificate.source, level: 'warning' as const };
    const findings = [
      makeFinding({ ...about, code: 'certificates.chain', message: 'The chain is not in order.' }),
      makeFinding({ ...about, code: 'certificates.expiry', message: 'It expires.', remedy, level: 'critical' }),
      makeFinding({ ...about, code: 'disk.usage' }),
      makeFinding({ level: 'critical', code: 'certificates.expiry', subject: 'other:443' }),
    ];
    const report = makeReport({ findings, certificates: [certificate] });
    const problems = (...procedures: string[]) =>
      flat(
        certificatesModel(
          [makeHost({ reports: [report], procedures: procedures.map((name) => makeProcedure({ name })) })],
          now,
        ),
      )
        .filter(({ target }) => target.kind === 'finding')
        .map(({ label, description, context }) => [label, description, context]);
    assert.deepEqual(problems('renew-certificate'), [
      ['Expiry', 'It expires.', 'finding remediable'],
      ['Chain', 'The chain is not in order.', 'finding'],
    ]);
    assert.equal(problems()[0]?.[2], 'finding');
  });

  it('offers what the host itself looks after: nothing is renewed that no entry of its configuration renews', () => {
    const certificates = [
      makeCertificate({ renewedAs: null, deployedAs: null }),
      makeCertificate({ source: 'b:443', fingerprint: '01', names: ['b', 'www.b'], renewedAs: 'www.b' }),
    ];
    const procedures = ['renew-certificate', 'deploy-certificate'].map((name) => makeProcedure({ name }));
    const contexts = (url: string) =>
      certificatesModel([makeHost({ reports: [makeReport({ certificates })], procedures }, { url })], now).map(
        ({ context }) => context,
      );
    assert.deepEqual(contexts('wss://db-01/'), [
      'certificate fingerprinted',
      'certificate renewable deployable fingerprinted',
    ]);
    // A file of this machine can be opened here.
    assert.equal(contexts('unix:/run/upkeep.sock')[0], 'certificate fingerprinted openable');
  });

  it('knows which findings and alerts are about a certificate', () => {
    const finding = makeFinding({ code: 'certificates.served', subject: 'smtp://mail:25' });
    assert.equal(certificateSource(finding), 'smtp://mail:25');
    assert.equal(certificateSource(makeFinding()), null);
    assert.equal(certificateSource({ key: 'finding:certificates.expiry:/etc/ssl/a:b.pem' }), '/etc/ssl/a:b.pem');
    assert.equal(certificateSource({ key: 'task:certificates' }), null);
  });

  it('cuts a name that would push the days left out of its row, and tells more of it below and in the tooltip', () => {
    const long = `${'a'.repeat(63)}.${'b'.repeat(63)}.example.test`;
    const certificates = [makeCertificate({ names: [long], subject: '' })];
    const [node] = certificatesModel([makeHost({ reports: [makeReport({ certificates })] })], now);
    assert.equal(node?.label, `${'a'.repeat(63)}…`);
    assert.ok(tooltipLines(node).includes(`Names: ${long}`));
    assert.ok(outline(node.children?.() ?? []).includes(`dash (muted) Names | ${long}`));
  });
});
