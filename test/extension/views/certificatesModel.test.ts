import assert from 'node:assert/strict';
import { certificatesModel, lifetimeText } from '../../../extension/views/certificatesModel.ts';
import { ago, makeCertificate, makeHost, makeProcedure, makeReport, now } from '../nouns.ts';
import { outline } from '../outline.ts';

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
        'error (bad) /etc/gone.pem | unreadable · missing',
        'error (bad) old | expired 3 days ago',
        'clock (warning) mail | 12 days left',
        'verified (good) api.example.test | 45 days left',
      ],
    );
    assert.ok(lines.includes('  dash (muted) Names | api.example.test'));
  });

  it('names the host when there are several, and shows each source once', () => {
    const report = makeReport({ certificates: [makeCertificate()] });
    const older = makeReport({ id: 'x', at: ago(9e6), certificates: [makeCertificate({ daysLeft: 46 })] });
    const hosts = [makeHost({ reports: [older, report] }), makeHost({ reports: [report] }, { name: 'db-02' })];
    assert.deepEqual(
      certificatesModel(hosts, now).map((node) => node.description),
      ['45 days left · db-01', '45 days left · db-02'],
    );
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
      'globe (bad) localhost:465 | not for this host name',
      'file (muted) mail/fullchain.pem | ',
    ]);
    assert.ok(node.tooltip?.includes('Source: /srv/tls/example/mail/fullchain.pem'));
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
        ({ label, context }) => `${label}: ${context}`,
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

  it('counts whole days that have passed, also where the agent rounds down', () => {
    const expired = makeCertificate({ daysLeft: -2, notAfter: ago(1.5 * 86_400_000), status: 'expired' });
    assert.equal(lifetimeText(expired, now), 'expired 1 day ago');
  });

  for (const [fields, text] of [
    [{ daysLeft: 1 }, '1 day left'],
    [{ daysLeft: 0, status: 'expiring' }, 'expires today'],
    [{ daysLeft: 0, status: 'expired' }, 'expired today'],
    [{ daysLeft: -1, status: 'expired' }, 'expired 1 day ago'],
    [{ daysLeft: 90, status: 'not_yet_valid' }, 'not yet valid'],
    [{ daysLeft: null, status: 'unparsable' }, 'unparsable'],
  ] as const)
    it(`says "${text}"`, () => {
      assert.equal(lifetimeText(makeCertificate(fields), now), text);
    });
});
