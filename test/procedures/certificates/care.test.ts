import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { createAuthority, issue } from './authority.ts';
import { check, checkOne, Folder, valid, verify } from './harness.ts';

describe('what a certificate is told to be looked after by', () => {
  const folder = new Folder();
  let path: string;

  beforeEach(async () => {
    await folder.create();
    const authority = await createAuthority({ name: 'Test Root' });
    const issued = await issue(authority, { names: ['www.example.test', 'api.example.test'], ...valid });
    path = await folder.write('site.pem', issued.chainPem);
  });
  afterEach(() => folder.remove());

  it('is the configured domain, of whichever of its names, to check and verify alike', async () => {
    const to = { cert: '/srv/site.pem', key: '/srv/site.key' };
    const settings = { renew: [{ domain: 'api.example.test' }], deploy: [{ domain: 'WWW.example.test', to }] };
    const checked = await checkOne({ path: [path] }, settings);
    assert.deepEqual([checked.renewedAs, checked.deployedAs], ['api.example.test', 'WWW.example.test']);
    const [verified] = (await verify({ cert: path }, settings)).certificates;
    assert.deepEqual([verified?.renewedAs, verified?.deployedAs], ['api.example.test', 'WWW.example.test']);
  });

  it('is nothing where the configuration is for others, and certbot where there is none', async () => {
    const others = await checkOne({ path: [path] }, { renew: [{ domain: 'example.test' }] });
    assert.deepEqual([others.renewedAs, others.deployedAs], [null, null]);
    const certbot = { certbot: { config_dir: folder.path('letsencrypt') } };
    assert.equal((await checkOne({ path: [path] }, certbot)).renewedAs, null);
    await mkdir(folder.path('letsencrypt/renewal'), { recursive: true });
    await folder.write('letsencrypt/renewal/www.example.test.conf', '');
    assert.equal((await checkOne({ path: [path] }, certbot)).renewedAs, 'www.example.test');
  });

  it('goes with the kind of its key', async () => {
    const kinds = [
      ['rsa:2048', [], 'RSA 2048 bits'],
      ['ec', ['-pkeyopt', 'ec_paramgen_curve:secp384r1'], 'EC P-384'],
      ['ed25519', [], 'Ed25519'],
    ] as const;
    for (const [index, [kind, more]] of kinds.entries()) {
      const files = ['-keyout', folder.path(`${index}.key`), '-out', folder.path(`${index}.crt`)];
      const subject = ['-nodes', '-subj', '/CN=a.example.test', '-days', '90'];
      execFileSync('openssl', ['req', '-x509', '-newkey', kind, ...more, ...files, ...subject], { stdio: 'ignore' });
    }
    const { certificates } = await check({ path: [folder.path('*.crt')] });
    assert.deepEqual(
      certificates.map(({ keyType }) => keyType),
      kinds.map(([, , keyType]) => keyType),
    );
  });
});
