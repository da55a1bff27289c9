import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { type Authority, createAuthority, issue, type Issued } from './authority.ts';
import { daysFromNow, Folder, valid, verify } from './harness.ts';

describe('verify-certificate', () => {
  const folder = new Folder();
  let root: Authority;
  let issued: Issued;
  let other: Issued;
  let ca: string;
  let cert: string;
  let key: string;

  before(async () => {
    root = await createAuthority({ name: 'Test Root' });
    const intermediate = await createAuthority({ name: 'Test Intermediate', issuer: root });
    issued = await issue(intermediate, { names: ['api.example.test'], ...valid });
    other = await issue(intermediate, { names: ['other.example.test'], ...valid });
  });
  beforeEach(async () => {
    await folder.create();
    ca = await folder.write('authority.txt', root.certPem);
    cert = await folder.write('site.pem', issued.chainPem);
    key = await folder.write('far-away', issued.keyPem);
  });
  afterEach(() => folder.remove());

  it('finds nothing wrong with a pair that is fine, in the record of check-certificates', async () => {
    const { outcome, findings, certificates, lines } = await verify({ cert, key, ca, host: 'api.example.test' });
    assert.deepEqual([outcome, findings], ['unchanged', []]);
    const [found] = certificates;
    assert.deepEqual([found?.source, found?.status, found?.key, found?.count], [cert, 'ok', 'match', 2]);
    assert.equal(lines[0], 'Domain: api.example.test');
  });

  it('tells each thing that is wrong', async () => {
    const wrong = await folder.write('wrong', other.keyPem, 0o644);
    const { outcome, certificates, findings } = await verify({ cert, key: wrong, host: 'www.example.test' });
    assert.equal(outcome, 'warning');
    assert.deepEqual(certificates[0]?.reasons, [
      'chain_incomplete',
      'host_mismatch',
      'key_mismatch',
      'key_world_readable',
    ]);
    assert.equal(certificates[0].key, 'mismatch');
    assert.ok(findings.some(({ code }) => code === 'certificates.key'));
    const expiring = await verify({ cert, key, ca, warnDays: 90 });
    assert.deepEqual([expiring.outcome, expiring.certificates[0]?.status], ['warning', 'expiring']);
  });

  it('warns of a key that it was to compare and could not, for it has a passphrase', async () => {
    const locked = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open sesame' } as const;
    const file = await folder.write('locked', createPrivateKey(issued.keyPem).export(locked));
    const { outcome, certificates, findings } = await verify({ cert, key: file, ca });
    assert.equal(outcome, 'warning');
    assert.deepEqual(
      [certificates[0]?.key, certificates[0]?.status, certificates[0]?.reasons],
      ['unknown', 'ok', ['needs_password']],
    );
    assert.deepEqual(
      findings.map(({ level, message }) => [level, message]),
      [
        [
          'warning',
          `The private key ${file} is encrypted; set certificates.password to have it compared with its certificate.`,
        ],
      ],
    );
  });

  it('says why the authorities that it was given can not be read', async () => {
    await assert.rejects(
      verify({ cert, ca: folder.path('none.pem') }),
      /The authorities .*none\.pem can not be read \(no such file or directory\); correct certificates\.ca or --ca, or their rights\./,
    );
  });

  it('reads DER and PKCS#12', async () => {
    const [der, p12] = [folder.path('site.der'), folder.path('site.p12')];
    execFileSync('openssl', ['x509', '-in', cert, '-outform', 'DER', '-out', der]);
    execFileSync('openssl', ['pkcs12', '-export', '-in', cert, '-inkey', key, '-passout', 'pass:wonder', '-out', p12]);
    const binary = await verify({ cert: der, key });
    assert.deepEqual([binary.certificates[0]?.key, binary.certificates[0]?.count], ['match', 1]);
    const packed = await verify({ cert: p12, ca }, { password: 'wonder' });
    assert.deepEqual([packed.outcome, packed.certificates[0]?.key], ['unchanged', 'match']);
    const closed = await verify({ cert: p12, ca });
    assert.deepEqual([closed.outcome, closed.certificates[0]?.reasons], ['failed', ['needs_password']]);
  });

  it('takes the key that lies beside when none is named, and says when the named one is of no use', async () => {
    await folder.write('site.key', other.keyPem);
    assert.equal((await verify({ cert, ca })).certificates[0]?.key, 'mismatch');
    const missing = await verify({ cert, ca, key: folder.path('nowhere') });
    assert.deepEqual([missing.outcome, missing.certificates[0]?.key], ['warning', 'unknown']);
    assert.match(
      missing.findings[0]?.message ?? '',
      /nowhere can not be compared .*: there is no such file; name the key/,
    );
    assert.deepEqual(missing.certificates[0]?.reasons, ['missing']);
    const none = await verify({ cert, ca, key: cert });
    assert.match(none.findings[0]?.message ?? '', /holds no private key; name the key/);
  });

  it('fails on what can not be read as a certificate: nothing, a folder, a key, rubbish', async () => {
    await mkdir(folder.path('folder.pem'));
    const rubbish = await folder.write('rubbish.pem', 'what?');
    for (const file of [folder.path('nowhere.pem'), folder.path('folder.pem'), key, rubbish]) {
      const { outcome, findings, certificates } = await verify({ cert: file });
      assert.deepEqual([outcome, findings[0]?.level, certificates[0]?.source], ['failed', 'critical', file]);
    }
    const old = await folder.write('old.pem', (await issue(root, expired)).certPem);
    assert.deepEqual((await verify({ cert: old, ca })).certificates[0]?.status, 'expired');
  });

  it('V13: takes hostile file names to the letter and refuses hostile host names', async () => {
    const pwned = folder.path('pwned');
    for (const name of [
      `; touch ${pwned}`,
      `$(touch ${pwned})`,
      '-rf',
      '--help',
      '*',
      '@site.pem',
      'a\nb',
      '[s]ite.pem',
    ]) {
      const { outcome, certificates } = await verify({ cert: folder.path(name.replaceAll('/', '_')), key: name });
      assert.deepEqual([outcome, certificates[0]?.reasons], ['failed', ['missing']], name);
    }
    const nul = await verify({ cert: 'site.pem\0.txt' });
    assert.equal(nul.outcome, 'failed');
    for (const host of ['; touch pwned', '$(touch pwned)', 'a\nb', '-a', '--', '*', 'a\0b', '@file', 'a b', '']) {
      await assert.rejects(verify({ cert, host }), /host name/, host);
    }
    assert.equal(existsSync(pwned), false);
  });
});

const expired = { names: ['api.example.test'], notBefore: daysFromNow(-90), notAfter: daysFromNow(-2) } as const;
