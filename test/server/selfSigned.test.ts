import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureSelfSigned, makeSelfSigned, selfSignedFiles } from '../../agent/server/selfSigned.ts';

const notBefore = new Date('2026-01-01T00:00:00Z');
const names = [
  'db-01.example.test',
  'localhost',
  '192.0.2.7',
  '2001:db8::7',
  '::1',
  '::ffff:192.0.2.9',
  'db-01.example.test',
];

describe('the self-signed certificate', () => {
  const made = makeSelfSigned({ names, notBefore, notAfter: new Date('2055-01-01T00:00:00Z') });
  const certificate = new X509Certificate(made.certificate);

  it('is made out for every name and address, and signed by its own key', () => {
    assert.ok(certificate.verify(certificate.publicKey));
    assert.ok(certificate.checkIssued(certificate));
    for (const name of ['db-01.example.test', 'localhost']) assert.equal(certificate.checkHost(name), name);
    for (const ip of ['192.0.2.7', '2001:db8::7', '::1', '::ffff:c000:209']) assert.equal(certificate.checkIP(ip), ip);
    assert.equal(certificate.checkHost('evil.example.test'), undefined);
    assert.equal(certificate.subject, 'CN=db-01.example.test');
  });

  it('is a server certificate that can sign no other, with dates of both centuries', () => {
    assert.equal(certificate.ca, false);
    assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1']);
    assert.deepEqual(
      [certificate.validFromDate, certificate.validToDate],
      [notBefore, new Date('2055-01-01T00:00:00Z')],
    );
    assert.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
  });

  it('reads the same in openssl', () => {
    const text = execFileSync('openssl', ['x509', '-noout', '-text', '-fingerprint', '-sha256'], {
      input: made.certificate,
      encoding: 'utf8',
    });
    for (const part of [
      'Signature Algorithm: ecdsa-with-SHA256',
      'X509v3 Basic Constraints: critical',
      'TLS Web Server Authentication',
      'DNS:db-01.example.test, DNS:localhost, IP Address:192.0.2.7, IP Address:2001:DB8:0:0:0:0:0:7',
      certificate.fingerprint256,
    ]) {
      assert.ok(text.includes(part), `${part} is not in\n${text}`);
    }
  });

  it('leaves out names that a certificate can not hold', () => {
    const odd = makeSelfSigned({
      names: ['bücher.test', 'a b', 'x'.repeat(300), 'good.test'],
      notBefore,
      notAfter: notBefore,
    });
    assert.equal(new X509Certificate(odd.certificate).subjectAltName, 'DNS:good.test');
  });
});

describe('the self-signed certificate in the state folder', () => {
  let state: string;
  beforeEach(() => {
    state = mkdtempSync(join(tmpdir(), 'upkeep-self-'));
  });
  afterEach(() => {
    rmSync(state, { recursive: true, force: true });
  });

  it('is made once, for its owner alone, and lasts for years', async () => {
    const before = process.umask(0);
    try {
      await ensureSelfSigned(state, ['agent.example.test'], Date.now());
    } finally {
      process.umask(before);
    }
    const { cert, key } = selfSignedFiles(state);
    assert.deepEqual(
      [cert, key, join(state, 'tls')].map((path) => statSync(path).mode & 0o777),
      [0o600, 0o600, 0o700],
    );
    const first = readFileSync(cert, 'utf8');
    await ensureSelfSigned(state, ['other.example.test'], Date.now());
    assert.equal(readFileSync(cert, 'utf8'), first);
    const certificate = new X509Certificate(first);
    for (const name of ['agent.example.test', 'localhost']) assert.equal(certificate.checkHost(name), name);
    assert.equal(certificate.checkIP('127.0.0.1'), '127.0.0.1');
    assert.ok(certificate.validToDate.getTime() > Date.now() + 9 * 365 * 86_400_000);
    assert.ok(certificate.validFromDate.getTime() < Date.now());
  });

  it('is not made anew in silence when half of it is missing', async () => {
    await ensureSelfSigned(state, [], Date.now());
    const { cert, key } = selfSignedFiles(state);
    rmSync(key);
    await assert.rejects(ensureSelfSigned(state, [], Date.now()), /its key is not: remove it/);
    rmSync(cert);
    writeFileSync(key, 'something');
    chmodSync(key, 0o600);
    await assert.rejects(ensureSelfSigned(state, [], Date.now()), /its certificate is not: remove it/);
  });
});
