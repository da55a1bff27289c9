import assert from 'node:assert/strict';
import { byUrgency, lifetimeAt } from '../../../extension/views/certificateLifetime.ts';
import { ago, ahead, makeCertificate, now } from '../nouns.ts';

const hour = 3_600_000;
const day = 24 * hour;

describe('the lifetime of a certificate', () => {
  for (const [fields, text] of [
    [{ daysLeft: 1 }, '1 day left'],
    [{ daysLeft: 0, notAfter: ahead(5.9 * hour) }, 'expires in 5 hours'],
    [{ daysLeft: 0, notAfter: ahead(1000) }, 'expires in less than an hour'],
    [{ daysLeft: -1, notAfter: ago(1000), status: 'expired' }, 'expired less than an hour ago'],
    [{ daysLeft: -1, notAfter: ago(23 * hour), status: 'expired' }, 'expired 23 hours ago'],
    // The agent rounds down; nothing has expired earlier than it did.
    [{ daysLeft: -2, notAfter: ago(1.5 * day), status: 'expired' }, 'expired 1 day ago'],
    [{ daysLeft: 90, status: 'not_yet_valid' }, 'not yet valid'],
    [{ daysLeft: null, notAfter: null, status: 'unparsable' }, 'holds no certificate that can be read'],
    [{ daysLeft: null, notAfter: null, status: 'unreadable' }, 'can not be read'],
    [{ daysLeft: null, notAfter: null, status: 'unreadable', source: 'mail:465' }, 'shows no certificate'],
    [{ daysLeft: null, notAfter: null, status: 'unreadable', reasons: ['missing' as const] }, ''],
  ] as const)
    it(`says "${text}"`, () => {
      assert.equal(
        lifetimeAt(makeCertificate({ ...fields, reasons: [...('reasons' in fields ? fields.reasons : [])] }), now).text,
        text,
      );
    });

  it('tells the end of its chain where that comes first, and of which of the two it is', () => {
    const chain = (days: number) => [
      { subject: 'CN=a', issuer: 'CN=M', notAfter: ahead(45 * day) },
      { subject: 'CN=M', issuer: 'CN=R', notAfter: ahead(days * day) },
    ];
    const at = (fields: Parameters<typeof makeCertificate>[0]) => lifetimeAt(makeCertificate(fields), now).text;
    assert.equal(at({ status: 'expiring', level: 'critical', chain: chain(3) }), 'chain: 3 days left');
    assert.equal(at({ status: 'expired', level: 'critical', chain: chain(-3) }), 'chain: expired 3 days ago');
    assert.equal(at({ status: 'ok', chain: chain(44) }), '45 days left');
    assert.equal(at({ status: 'bad', level: 'critical', chain: chain(4) }), 'chain: 4 days left');
    assert.equal(at({ status: 'bad', level: 'critical', chain: chain(40) }), '45 days left');
  });

  it('becomes worse as time passes, also before it is looked at again, and never better', () => {
    const fine = makeCertificate({ notAfter: ahead(40 * day), warnDays: 30, criticalDays: 15 });
    const levels = [0, 11, 26, 41].map((days) => lifetimeAt(fine, new Date(now.getTime() + days * day)));
    assert.deepEqual(
      levels.map(({ level, icon, tone }) => [level, icon, tone]),
      [
        ['ok', 'verified', 'good'],
        ['warning', 'clock', 'warning'],
        ['critical', 'clock', 'bad'],
        ['critical', 'error', 'bad'],
      ],
    );
    assert.equal(lifetimeAt(makeCertificate({ status: 'bad', level: 'critical' }), now).level, 'critical');
  });

  it('has shares from its beginning to its end, with both thresholds', () => {
    const certificate = makeCertificate({
      notBefore: ago(60 * day),
      notAfter: ahead(40 * day),
      warnDays: 30,
      criticalDays: 10,
    });
    const { span, left } = lifetimeAt(certificate, now);
    assert.equal(left, 40 * day);
    assert.deepEqual([span?.elapsed, span?.warnAt, span?.criticalAt], [0.6, 0.7, 0.9]);
    assert.deepEqual([span?.warnsFrom, span?.criticalFrom], [ahead(10 * day), ahead(30 * day)]);
    assert.equal(lifetimeAt(makeCertificate({ daysLeft: null, notAfter: null }), now).span, null);
  });

  it('orders by level, then by what ends first, then by place, whatever the order was before', () => {
    const certificates = [
      makeCertificate({ source: 'fine' }),
      makeCertificate({ source: 'wrong', level: 'critical', status: 'bad' }),
      makeCertificate({ source: 'b', daysLeft: 3, level: 'critical', status: 'expiring' }),
      makeCertificate({ source: 'a', daysLeft: 3, level: 'critical', status: 'expiring' }),
      makeCertificate({ source: 'gone', daysLeft: null, notAfter: null, level: 'critical', status: 'unreadable' }),
      makeCertificate({ source: 'old', daysLeft: -3, level: 'critical', status: 'expired' }),
      makeCertificate({ source: 'soon', daysLeft: 20, level: 'warning', status: 'expiring' }),
    ];
    const order = ['gone', 'old', 'a', 'b', 'wrong', 'soon', 'fine'];
    for (const list of [certificates, [...certificates].reverse()])
      assert.deepEqual(
        [...list].sort((one, other) => byUrgency(one, other, now)).map(({ source }) => source),
        order,
      );
  });
});
