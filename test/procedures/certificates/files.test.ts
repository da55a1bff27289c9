import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { type Authority, createAuthority, issue, selfSigned } from './authority.ts';
import { check, checkOne, daysFromNow, Folder, valid } from './harness.ts';
import { selfSignedByMlDsa } from './postQuantum.ts';

describe('check-certificates, files', () => {
  const folder = new Folder();
  let root: Authority;
  let intermediate: Authority;
  let ca: string;

  before(async () => {
    root = await createAuthority({ name: 'Test Root' });
    intermediate = await createAuthority({ name: 'Test Intermediate', issuer: root });
  });
  beforeEach(async () => {
    await folder.create();
    ca = await folder.write('authority.txt', root.certPem);
  });
  afterEach(() => folder.remove());

  it('prints a certificate that is fine in the four lines of the seed, and says where it is', async () => {
    const issued = await issue(intermediate, { names: ['api.example.test'], ...valid });
    const path = await folder.write('fullchain.pem', issued.chainPem);
    const { outcome, findings, lines, certificates } = await check({ path: [path], ca });
    assert.equal(outcome, 'unchanged');
    assert.deepEqual(findings, []);
    assert.deepEqual(lines.slice(0, 5), [
      'Domain: api.example.test',
      'Issuer: Test Intermediate',
      `Expires: ${valid.notAfter.toISOString().slice(0, 10)} (79 days)`,
      'Status: OK',
      `Source: ${path}`,
    ]);
    const [found] = certificates;
    assert.equal(found?.status, 'ok');
    assert.deepEqual(found.names, ['api.example.test']);
    assert.equal(found.subject, 'CN=api.example.test');
    assert.equal(found.count, 2);
    assert.equal(found.key, 'unknown');
    assert.match(found.fingerprint ?? '', /^[0-9a-f]{64}$/);
    assert.equal(found.source, path);
    assert.deepEqual(
      found.chain.map((each) => each.subject),
      ['CN=api.example.test', 'CN=Test Intermediate'],
    );
  });

  describe('expiry', () => {
    const cases = [
      { title: 'a third of the lifetime left is a warning', from: -61, to: 29, status: 'expiring', level: 'warning' },
      { title: 'a sixth of the lifetime left is critical', from: -76, to: 14, status: 'expiring', level: 'critical' },
      { title: 'half of a lifetime of six days left is fine', from: -3, to: 3, status: 'ok', level: 'ok' },
      {
        title: 'a given number of days holds instead',
        from: -10,
        to: 80,
        warnDays: 90,
        status: 'expiring',
        level: 'warning',
      },
      {
        title: 'half of a given number of days is critical',
        from: -10,
        to: 80,
        warnDays: 200,
        status: 'expiring',
        level: 'critical',
      },
      { title: 'what is past is expired', from: -90, to: -2, status: 'expired', level: 'critical' },
      { title: 'what begins tomorrow is not yet valid', from: 1, to: 80, status: 'not_yet_valid', level: 'critical' },
    ] as const;
    for (const { title, from, to, status, level, ...more } of cases) {
      it(title, async () => {
        const dates = { notBefore: daysFromNow(from), notAfter: daysFromNow(to) };
        const issued = await issue(root, { names: ['a.example.test'], ...dates });
        const { certificates, findings, outcome } = await check({
          path: [await folder.write('a.pem', issued.certPem)],
          ca,
          ...more,
        });
        assert.equal(certificates[0]?.status, status);
        assert.equal(certificates[0].level, level);
        assert.equal(outcome, level === 'ok' ? 'unchanged' : 'warning');
        const codes = findings.map((finding) => [finding.code, finding.level]);
        assert.deepEqual(codes, level === 'ok' ? [] : [['certificates.expiry', level]]);
      });
    }

    it('names renew-certificate with the domain as the remedy', async () => {
      const dates = { notBefore: daysFromNow(-90), notAfter: daysFromNow(-2) };
      const issued = await issue(root, { names: ['10.1.2.3', 'a.example.test'], ...dates });
      const { findings, certificates } = await check({ path: [await folder.write('a.pem', issued.certPem)], ca });
      assert.deepEqual(findings[0]?.remedy?.options, { domain: 'a.example.test', deploy: true });
      assert.equal(findings[0].remedy.procedure, 'renew-certificate');
      assert.equal(findings[0].value, certificates[0]?.daysLeft);
      assert.ok((certificates[0]?.daysLeft ?? 0) < 0);
    });

    it('names in the remedy that of its names under which the configuration has it', async () => {
      const dates = { notBefore: daysFromNow(-90), notAfter: daysFromNow(-2) };
      const issued = await issue(root, { names: ['www.example.test', 'example.test'], ...dates });
      const path = await folder.write('a.pem', issued.certPem);
      const { findings } = await check({ path: [path], ca }, { renew: [{ domain: 'example.test' }] });
      assert.deepEqual(findings[0]?.remedy?.options, { domain: 'example.test', deploy: true });
    });

    it('counts an intermediate that ends before its leaf', async () => {
      const ending = await createAuthority({ name: 'Ending', issuer: root, notAfter: daysFromNow(-1) });
      const issued = await issue(ending, { names: ['a.example.test'], ...valid });
      const found = await checkOne({ path: [await folder.write('a.pem', issued.chainPem)], ca });
      assert.equal(found.status, 'expired');
      assert.match(found.message, /CN=Ending of the chain/);
      assert.ok((found.daysLeft ?? 0) > 0);
    });
  });

  describe('chain', () => {
    const names = ['a.example.test'];

    it('misses an intermediate', async () => {
      const issued = await issue(intermediate, { names, ...valid });
      const found = await checkOne({ path: [await folder.write('a.pem', issued.certPem)], ca });
      assert.equal(found.status, 'bad');
      assert.deepEqual(found.reasons, ['chain_incomplete']);
      assert.match(found.message, /CN=Test Intermediate/);
    });

    it('does not take an authority of the same name for the issuer', async () => {
      const namesake = await createAuthority({ name: 'Test Intermediate', issuer: root });
      const issued = await issue(intermediate, { names, ...valid });
      const path = await folder.write('a.pem', issued.certPem + namesake.certPem);
      assert.deepEqual((await checkOne({ path: [path], ca })).reasons, ['chain_incomplete']);
    });

    it('notices the wrong order, also with the leaf last', async () => {
      const issued = await issue(intermediate, { names, ...valid });
      const path = await folder.write('a.pem', intermediate.certPem + issued.certPem);
      const found = await checkOne({ path: [path], ca });
      assert.deepEqual(found.reasons, ['wrong_order']);
      assert.deepEqual(found.names, names);
    });

    it('takes the root behind the others as fine', async () => {
      const issued = await issue(intermediate, { names, ...valid });
      const path = await folder.write('a.pem', issued.chainPem + root.certPem);
      assert.equal((await checkOne({ path: [path], ca })).status, 'ok');
    });

    it('ends at a root that nobody knows', async () => {
      const issued = await issue(intermediate, { names, ...valid });
      const path = await folder.write('a.pem', issued.chainPem + root.certPem);
      assert.deepEqual((await checkOne({ path: [path] })).reasons, ['self_signed']);
    });

    it('is self-signed, unless the configuration trusts that very certificate', async () => {
      const { certPem } = await selfSigned({ names, ...valid });
      const path = await folder.write('a.pem', certPem);
      const found = await checkOne({ path: [path], ca });
      assert.deepEqual([found.status, found.reasons, found.level], ['bad', ['self_signed'], 'warning']);
      assert.equal((await checkOne({ path: [path], ca: path })).status, 'ok');
    });

    it("is completed by certbot's chain.pem when cert.pem is checked", async () => {
      const issued = await issue(intermediate, { names, ...valid });
      await folder.write('chain.pem', intermediate.certPem);
      assert.equal((await checkOne({ path: [await folder.write('cert.pem', issued.certPem)], ca })).status, 'ok');
    });

    it('is not asked of a file of authorities', async () => {
      const path = await folder.write('ca.pem', root.certPem);
      assert.equal((await checkOne({ path: [path] })).status, 'ok');
    });
  });

  describe('host name', () => {
    const cases = [
      { names: ['a.example.test'], host: 'a.example.test', covered: true },
      { names: ['*.example.test'], host: 'a.example.test', covered: true },
      { names: ['*.example.test'], host: 'a.b.example.test', covered: false },
      { names: ['a.example.test'], host: 'b.example.test', covered: false },
      { names: ['127.0.0.1'], host: '127.0.0.1', covered: true },
      { names: ['::1'], host: '::1', covered: true },
      { names: ['127.0.0.1'], host: '127.0.0.2', covered: false },
      { names: ['xn--bcher-kva.example'], host: 'bücher.example', covered: true },
    ];
    for (const { names, host, covered } of cases) {
      it(`${names.join()} ${covered ? 'covers' : 'does not cover'} ${host}`, async () => {
        const { certPem } = await issue(root, { names, ...valid });
        const found = await checkOne({ path: [await folder.write('a.pem', certPem)], ca, host });
        assert.deepEqual(found.reasons, covered ? [] : ['host_mismatch']);
      });
    }
  });

  describe('private key', () => {
    const names = ['a.example.test'];
    const places = [
      { certificate: 'fullchain.pem', key: 'privkey.pem' },
      { certificate: 'server.crt', key: 'server.key' },
      { certificate: 'server.pem', key: 'server-key.pem' },
      { certificate: 'server.pem', key: 'privkey.pem' },
    ];
    for (const { certificate, key } of places) {
      it(`is found as ${key} beside ${certificate}`, async () => {
        const issued = await issue(root, { names, ...valid });
        const path = await folder.write(certificate, issued.certPem);
        await folder.write(key, issued.keyPem);
        assert.equal((await checkOne({ path: [path], ca })).key, 'match');
        await folder.write(key, root.keyPem);
        const found = await checkOne({ path: [path], ca });
        assert.deepEqual([found.key, found.status, found.reasons], ['mismatch', 'bad', ['key_mismatch']]);
      });
    }

    it('is found in the same PEM', async () => {
      const issued = await issue(root, { names, ...valid, keyType: 'rsa2048' });
      const path = await folder.write('a.pem', issued.keyPem + issued.certPem);
      assert.equal((await checkOne({ path: [path], ca })).key, 'match');
    });

    it('must not be readable by everybody', async () => {
      const issued = await issue(root, { names, ...valid });
      const path = await folder.write('a.pem', issued.certPem, 0o644);
      await folder.write('a.key', issued.keyPem, 0o644);
      const found = await checkOne({ path: [path], ca });
      assert.deepEqual([found.key, found.reasons, found.level], ['match', ['key_world_readable'], 'critical']);
    });

    it('that is encrypted is compared once the password is known', async () => {
      const issued = await issue(root, { names, ...valid });
      const path = await folder.write('a.pem', issued.certPem);
      const locked = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open sesame' } as const;
      await folder.write('a.key', createPrivateKey(issued.keyPem).export(locked));
      const found = await checkOne({ path: [path], ca });
      assert.deepEqual([found.key, found.status, found.reasons], ['unknown', 'ok', ['needs_password']]);
      assert.equal((await checkOne({ path: [path], ca }, { password: 'open sesame' })).key, 'match');
    });

    it('of another certificate in the same folder is not held against this one', async () => {
      const [one, other] = [await issue(root, { names, ...valid }), await issue(root, { names, ...valid })];
      const path = await folder.write('one.pem', one.certPem);
      await folder.write('other.pem', other.certPem);
      await folder.write('privkey.pem', other.keyPem);
      assert.equal((await checkOne({ path: [path], ca })).key, 'unknown');
    });
  });

  describe('strength', () => {
    const names = ['a.example.test'];
    const weak = [
      { keyType: 'rsa1024', message: /RSA with 1024 bits/ },
      { keyType: 'ec192', message: /elliptic curve with 192 bits/ },
    ] as const;
    for (const { keyType, message } of weak) {
      it(`of ${keyType} is too little`, async () => {
        const { certPem } = await issue(root, { names, ...valid, keyType });
        const found = await checkOne({ path: [await folder.write('a.pem', certPem)], ca });
        assert.deepEqual(found.reasons, ['weak_key']);
        assert.match(found.message, message);
      });
    }
    for (const keyType of ['ec', 'rsa2048', 'ed25519'] as const) {
      it(`of ${keyType} is enough`, async () => {
        const { certPem } = await issue(root, { names, ...valid, keyType });
        assert.equal((await checkOne({ path: [await folder.write('a.pem', certPem)], ca })).status, 'ok');
      });
    }

    it('of ML-DSA is enough, be it in key, signature or the key beside it', async () => {
      const { certPem, keyPem } = await selfSignedByMlDsa({ names, ...valid });
      const path = await folder.write('a.pem', certPem);
      await folder.write('a.key', keyPem);
      assert.deepEqual((await checkOne({ path: [path], ca })).reasons, ['self_signed']);
      const trusted = await checkOne({ path: [path], ca: path, host: names[0] });
      assert.deepEqual([trusted.status, trusted.key], ['ok', 'match']);
    });

    it('of a signature with SHA-1 is too little', async () => {
      const old = await createAuthority({ name: 'Old', keyType: 'rsa2048' });
      const { certPem } = await issue(old, { names, ...valid, hash: 'SHA-1' });
      const trusted = await folder.write('old.txt', old.certPem);
      const found = await checkOne({ path: [await folder.write('a.pem', certPem)], ca: trusted });
      assert.deepEqual(found.reasons, ['weak_signature']);
      assert.match(found.message, /SHA-1/);
    });
  });

  it('shows control characters of a strange certificate as nothing but text', async () => {
    const { certPem } = await selfSigned({
      names: ['a.example.test'],
      ...valid,
      commonName: 'evil\u001b[2J\u202e$(touch pwned)',
    });
    const { certificates, lines } = await check({ path: [await folder.write('a.pem', certPem)], ca });
    assert.doesNotMatch(certificates[0]?.subject ?? '', /[\p{Cc}\p{Cf}]/u);
    assert.doesNotMatch(lines.join(''), /[\p{Cc}\p{Cf}]/u);
  });

  it('are a thousand in one check, which lets other work have its turn meanwhile', async () => {
    const issued = await Promise.all(
      Array.from({ length: 10 }, (_, index) => issue(intermediate, { names: [`host${index}.example.test`], ...valid })),
    );
    for (let index = 0; index < 1000; index += 1) {
      const { chainPem, keyPem } = issued[index % 10] ?? assert.fail();
      await folder.write(`cert${index}.pem`, chainPem);
      await folder.write(`cert${index}.key`, index % 4 === 1 ? root.keyPem : keyPem);
    }
    let turns = 0;
    const turn = setInterval(() => (turns += 1));
    const { certificates } = await check({ path: [folder.path()], ca });
    clearInterval(turn);
    const count = (key: string): number => certificates.filter((each) => each.key === key).length;
    assert.deepEqual([certificates.length, count('match'), count('mismatch')], [1000, 750, 250]);
    assert.equal(new Set(certificates.map(({ source }) => source)).size, 1000);
    assert.ok(turns >= 5, `${turns} turns`);
  });

  it('stops when the run is stopped', async () => {
    const stopped = AbortSignal.abort(new Error('stopped by alice'));
    const { certPem } = await selfSigned({ names: ['a.example.test'], ...valid });
    const path = await folder.write('a.pem', certPem);
    await assert.rejects(check({ path: [path], ca }, {}, stopped), /stopped by alice/);
  });
});
