import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import forge from 'node-forge';
import { parseContents } from '../../../agent/procedures/certificates/contents.ts';
import { type Authority, createAuthority, issue, type Issued } from './authority.ts';
import { check, checkOne, Folder, valid } from './harness.ts';

/** What becomes of a leaf and its issuer in the hands of people and disks. */
const shapes: Readonly<Record<string, (leaf: string, above: string) => string>> = {
  'as it was issued': (leaf, above) => leaf + above,
  'without a line break at its end': (leaf, above) => leaf + above.trimEnd(),
  'blanks behind each line': (leaf, above) => (leaf + above).replaceAll('\n', '  \n'),
  'an empty line between the two': (leaf, above) => `${leaf}\n\n${above}`,
  'the two glued together by cat': (leaf, above) => leaf.trimEnd() + above,
  'the second one cut off': (leaf, above) => leaf + above.slice(0, -60),
  'the second one cut off in its END line': (leaf, above) => leaf + above.slice(0, -3),
  'the first one cut off': (leaf, above) => leaf.slice(0, 200) + '\n' + above,
  'an empty line in the first one': (leaf, above) => leaf.replace(/(\n[^\n]+\n)/, '$1\n') + above,
  'an empty line before the END': (leaf, above) => leaf.replace('\n-----END', '\n\n-----END') + above,
  'all in one line': (leaf, above) => (leaf + above).replaceAll('\n', ''),
  'all commented out': (leaf, above) => (leaf + above).replace(/^(?=.)/gm, '# '),
  'another one, commented out, before them': (leaf, above) => above.replace(/^(?=.)/gm, '# ') + leaf + above,
};

describe('check-certificates, formats of files', () => {
  const folder = new Folder();
  let root: Authority;
  let intermediate: Authority;
  let issued: Issued;
  let ca: string;

  before(async () => {
    root = await createAuthority({ name: 'Test Root', keyType: 'rsa2048' });
    intermediate = await createAuthority({ name: 'Test Intermediate', issuer: root, keyType: 'rsa2048' });
    issued = await issue(intermediate, { names: ['a.example.test'], ...valid, keyType: 'rsa2048' });
  });
  beforeEach(async () => {
    await folder.create();
    ca = await folder.write('authority.txt', root.certPem);
  });
  afterEach(() => folder.remove());

  it('reads DER', async () => {
    const { certPem } = await issue(root, { names: ['a.example.test'], ...valid });
    const found = await checkOne({ path: [await folder.write('a.der', new X509Certificate(certPem).raw)], ca });
    assert.deepEqual([found.status, found.count], ['ok', 1]);
  });

  it('reads a bundle with text, CRLF and the trusted form between', async () => {
    const text = `Subject: a\r\n${issued.chainPem.replaceAll('\n', '\r\n')}bye\r\n`;
    const found = await checkOne({ path: [await folder.write('a.pem', text)], ca });
    assert.deepEqual([found.status, found.count], ['ok', 2]);
  });

  // nginx, Apache, haproxy and Node read a file of certificates by the same function of OpenSSL.
  for (const [title, spoil] of Object.entries(shapes)) {
    it(`takes a PEM file for sound only where OpenSSL does: ${title}`, async () => {
      const text = spoil(issued.certPem, intermediate.certPem);
      const found = await checkOne({ path: [await folder.write('a.pem', text)], ca });
      let refusal = '';
      try {
        createSecureContext({ cert: text });
      } catch (error) {
        refusal = String(error);
      }
      assert.equal(found.status, refusal === '' ? 'ok' : 'unparsable', refusal);
      if (refusal !== '') assert.match(found.message, /certificate \d in it is not read by OpenSSL|has no END line/);
    });
  }

  it('is as loose as ever where the certificates are written anew', async () => {
    const text = issued.certPem.trimEnd() + intermediate.certPem;
    const reading = { password: undefined, pace: () => Promise.resolve(), signal: AbortSignal.timeout(60_000) };
    const further = { answering: new Set<string>(), seen: new Map<string, X509Certificate>(), loose: true };
    const { certificates } = await parseContents(Buffer.from(text), { ...reading, ...further });
    assert.equal(certificates.length, 2);
    const cut = Buffer.from(text.slice(0, -40));
    await assert.rejects(parseContents(cut, { ...reading, ...further }), /has no END line/);
  });

  describe('PKCS#12', () => {
    const kinds = [
      { title: 'AES (PBES2) for the key alone', algorithm: 'aes256' },
      { title: 'triple DES, as Windows writes it', algorithm: '3des' },
      { title: 'no encryption at all', algorithm: undefined },
    ] as const;
    for (const { title, algorithm } of kinds) {
      it(`is read with ${title}`, async () => {
        const path = await folder.write('a.p12', pkcs12(issued, intermediate, 'open sesame', algorithm));
        const found = await checkOne({ path: [path], ca }, { password: 'open sesame' });
        assert.deepEqual([found.status, found.count, found.key, found.reasons], ['ok', 2, 'match', []]);
        assert.deepEqual(found.names, ['a.example.test']);
      });
    }

    it('is read with an empty password though another one is configured', async () => {
      const path = await folder.write('a.pfx', pkcs12(issued, intermediate, '', 'aes256'));
      assert.equal((await checkOne({ path: [path], ca }, { password: 'something else' })).status, 'ok');
    });

    const written = [
      { title: 'RC2 and 40 bits, as old OpenSSL wrote it', content: () => rc2Pkcs12 },
      { title: 'everything encrypted, as OpenSSL 3 writes it', content: () => modernPkcs12 },
    ];
    for (const { title, content } of written) {
      it(`is read with ${title}`, async () => {
        const path = await folder.write('a.p12', Buffer.from(content(), 'base64'));
        const found = await checkOne({ path: [path] }, { password: 'open sesame' });
        assert.deepEqual([found.names, found.key], [['rc2.example.test'], 'match']);
      });
    }

    for (const settings of [{}, { password: 'wrong' }]) {
      it(`asks for a password when it has ${'password' in settings ? 'the wrong one' : 'none'}`, async () => {
        const path = await folder.write('a.p12', pkcs12(issued, intermediate, 'open sesame', 'aes256'));
        const { certificates, findings } = await check({ path: [path], ca }, settings);
        assert.deepEqual([certificates[0]?.status, certificates[0]?.reasons], ['unreadable', ['needs_password']]);
        assert.match(findings[0]?.message ?? '', /certificates\.password/);
      });
    }

    it('is judged like any other: exposed key, missing intermediate', async () => {
      const path = await folder.write('a.p12', pkcs12(issued, null, '', 'aes256'), 0o644);
      const found = await checkOne({ path: [path], ca });
      assert.deepEqual(found.reasons, ['chain_incomplete', 'key_world_readable']);
    });
  });
});

type Encryption = 'aes256' | '3des' | undefined;

function pkcs12(issued: Issued, above: Authority | null, password: string, algorithm: Encryption): Buffer {
  const chain = [...(above === null ? [] : [above.certPem]), issued.certPem].map((pem) =>
    forge.pki.certificateFromPem(pem),
  );
  const key = forge.pki.privateKeyFromPem(issued.keyPem);
  // forge encrypts the key alone; without a password nothing.
  const asn1 = forge.pkcs12.toPkcs12Asn1(key, chain, algorithm === undefined ? null : password, {
    algorithm: algorithm ?? 'aes256',
    count: 2048,
  });
  return Buffer.from(forge.asn1.toDer(asn1).getBytes(), 'latin1');
}

/** By `openssl pkcs12 -export -legacy`: certificate under pbeWithSHA1And40BitRC2-CBC; valid for a hundred years. */
const rc2Pkcs12 = [
  'MIIDqgIBAzCCA3AGCSqGSIb3DQEHAaCCA2EEggNdMIIDWTCCAk8GCSqGSIb3DQEHBqCCAkAwggI8AgEAMIICNQYJKoZIhvcNAQcBMBwGCiqG',
  'SIb3DQEMAQYwDgQI3rBlq3Qvbl0CAggAgIICCOkaQxFSeb43ynetfLLJ0SaQK0sOHEgH7b/AXJl+QvfZIdNJiqTqAE/6OMwaanwDqufVYLqZ',
  '0v2n5AGk60vAuRFnVrGQuX7uGYe2c/xJjHU0QqGCoFtI2G5dW69tW2jbxz6dRuxvOt/pCYn9EcjN3/b5ZsF+7uIhPG3kjLWOYERJCK7jTTvT',
  'Dzp3mUptP37OyjfuZxt7J0HWj+vYfUZrfEPoEl30xzR9WPh8UIaW6adG3WIw/5UKurBH+wT8967SptXzr7AHE717cPMo9kn9sHof6jHN1aDZ',
  'zGSucycqpxGDusFUCCHdgfDTD4rStZsExOxpwUOkOjTOpylrV/5pP77dJbiGln4FBHzLFKtmCeZsJE0TfgcnOwF19dhk4SzGAooAHEn2clCz',
  'RVqACcG5KEYwhJaqvn4//EC1oohngXFErL2NRgARzShyNZjxrGjKBeHZHRpOAmit+ejjEG2ipooOcKj41N9x4DgYNwURPOPg7FgJ7RO1a6Pb',
  '7IYdbjaWAAct6E2/5ExdM2yLIwh4piiC5yZwVCMc25cHmnD5/RKxbjthm1Yapfgbz1tzUsneQ21divj/QDGzSrOO856E1Y+bzfraSas7APtz',
  'tozGyeAfwvcLI2SvONoO4fJmEau6WF0SXiLqWB+Qb5DRacsPC4O21hHapSTbcVJMZ5ADbp7ld/DiEzx1dKUwggECBgkqhkiG9w0BBwGggfQE',
  'gfEwge4wgesGCyqGSIb3DQEMCgECoIG0MIGxMBwGCiqGSIb3DQEMAQMwDgQItaTitg9+xS0CAggABIGQwtkpdpNnNI2sLNDO4NRHhdXk3sex',
  'lKVfn9lIjavpLy1UCGMIY3N4+O4pCI+FRrgURZsvsHM75ULfBKnQXSYc1EjjDsNTP2UdGCzIEpf+tP4wR0RpwT/awPZoxlwAWtaIFQXgxW93',
  'R8eoH8/CTDYymtqcttX8ketu1VUCHeoZvrBaLx1a4+9/kOiB1Q+nCfbaMSUwIwYJKoZIhvcNAQkVMRYEFOdWGzUjzmEXCmijFg/Aejqz9NIN',
  'MDEwITAJBgUrDgMCGgUABBTuKsp5r/ccsCHwg7Vo5XNdPjEGnAQIuaFUZwFW3VQCAggA',
].join('');

/** By `openssl pkcs12 -export` of OpenSSL 3: all under PBES2 with AES-256-CBC and HMAC-SHA-256. */
const modernPkcs12 = [
  'MIIEPAIBAzCCA/IGCSqGSIb3DQEHAaCCA+MEggPfMIID2zCCApIGCSqGSIb3DQEHBqCCAoMwggJ/AgEAMIICeAYJKoZIhvcNAQcBMFcGCSqG',
  'SIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhlyQZlNfM5xAICCAAwDAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEISFILYAxMxXFv9gkE5i',
  '8XuAggIQkj8uRgsSeuwnETht6wN3ZScW1l6qmPYRFhshVKkF3/lzUFgXq61RlC4mNmFFB4p2EJTCgB1DPwJHmIRsoqHBgCO5+VZaZw0yPl3C',
  'uVt9DSMBhSQEQseUXEiWbWJlzhiD2drlDomqaQKw4zWhDUTB9+SBF78ffrq7Aw0rr1b7TEhRFSIjTSD7doqCFOZYaCJ/+HXn035ShWSMlFD3',
  'MKhps3FhIJEJi2OAbDNwvMv89pNYe6Vq6Nxh5q7cXNoPGe3P1MRCxVl7pAHnEjGrSBG2uzv28FhN0/ykS2rzQS6wW4AWpJhpQVGgiImycv3Y',
  'VUoPbZVlP1uHu04JOODz74YE2ZbKEKXXZasTd8xGJaW6pkOszvKWPhrHJCS4wp8zAXbwVLz/UNpHiIWf1haw1P6aWrO3IgaEybsFdfkeHLCi',
  'SUOgcjmNAteczkhd4UJKYOdhrOVz2kgEvO4WPEEcDZZgTLVx6+Z2KjPXYtOlUplds/cGYhBLKHqrDTzU0wMPPXieR9rNBXhLswnryD6lzu9c',
  '0gENQlSWpBcEgb2w9CBQHuVoohlz/LW8hgpfFdRFUWbJRBGy/9MRt9gEYxvTmMOIi/JyFdxH+3XHKKaP+VZAUoIhGvBt/T1BQLP7WNq1UP3Z',
  '1O3xk41xwD4WS2bytcla7fHZATG4D4ONI2SaC1NV9nSRBYaTRnk12Q4/BfqXvChzMIIBQQYJKoZIhvcNAQcBoIIBMgSCAS4wggEqMIIBJgYL',
  'KoZIhvcNAQwKAQKgge8wgewwVwYJKoZIhvcNAQUNMEowKQYJKoZIhvcNAQUMMBwECMf+5GuWXSmiAgIIADAMBggqhkiG9w0CCQUAMB0GCWCG',
  'SAFlAwQBKgQQT7lw8OdCgOeWMUJWotOaCwSBkJvxgzMR8XPo8uEqQl+PZ6EWL2PJ7iYyHg9xkm2FgpfbjJJsQzMBnfBA6Haqtfic17X9BQtc',
  'fyRrUBifcbd4eC+rvuYXJelCXfzgBlqIk1V7LFuqpwI4tfQP6+evIMuV1zAD9m2ANemgML1qRE4sb3g3b0BLKZGkpsh9TWOVpPbP08s7e2zX',
  'EcNaw8yrIIosfTElMCMGCSqGSIb3DQEJFTEWBBTnVhs1I85hFwpooxYPwHo6s/TSDTBBMDEwDQYJYIZIAWUDBAIBBQAEILYEAsa2BfNuuYPg',
  'YfLil+q+p5isin9Qwx6PYXu7y3AdBAg3NdYSTjJQhQICCAA=',
].join('');
