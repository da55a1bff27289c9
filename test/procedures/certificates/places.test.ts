import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, symlink } from 'node:fs/promises';
import { type Authority, createAuthority, issue } from './authority.ts';
import { check, checkOne, Folder, valid } from './harness.ts';

describe('check-certificates, where files are', () => {
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

  describe('places', () => {
    it('of all kinds are found: folder, glob, link, each file once', async () => {
      const issued = await issue(root, { names: ['a.example.test'], ...valid });
      await mkdir(folder.path('site', 'deep'), { recursive: true });
      await folder.write('site/a.pem', issued.certPem);
      await folder.write('site/a.key', issued.keyPem);
      await folder.write('site/privkey.pem', issued.keyPem);
      await folder.write('site/README', 'hello');
      await folder.write('site/deep/b.crt', issued.certPem);
      await symlink(folder.path('site/a.pem'), folder.path('site/link.pem'));
      const { certificates } = await check({ path: [folder.path('site'), folder.path('**/*.crt')], ca });
      assert.deepEqual(
        certificates.map((each) => [each.source, each.status]),
        ['site/a.pem', 'site/deep/b.crt', 'site/link.pem'].map((name) => [folder.path(name), 'ok']),
      );
    });

    it('with the characters of a glob are taken to the letter first', async () => {
      const issued = await issue(root, { names: ['a.example.test'], ...valid });
      const path = await folder.write('[a].pem', issued.certPem);
      assert.equal((await checkOne({ path: [path], ca })).status, 'ok');
    });

    it('of certbot give one certificate for its four files', async () => {
      const issued = await issue(intermediate, { names: ['a.example.test'], ...valid });
      await mkdir(folder.path('live'));
      await folder.write('live/cert.pem', issued.certPem);
      await folder.write('live/chain.pem', intermediate.certPem);
      await folder.write('live/fullchain.pem', issued.chainPem);
      await folder.write('live/privkey.pem', issued.keyPem);
      const found = await checkOne({ path: [folder.path('live')], ca });
      assert.deepEqual([found.source, found.key, found.status], [folder.path('live/fullchain.pem'), 'match', 'ok']);
    });

    const nothing = ['missing.pem', 'missing/*.pem', 'empty', 'nul\0.pem'];
    for (const name of nothing) {
      it(`lead to nothing: ${JSON.stringify(name)}`, async () => {
        await mkdir(folder.path('empty'));
        const { outcome, findings, certificates } = await check({ path: [folder.path(name)], ca });
        assert.equal(outcome, 'failed');
        assert.equal(certificates[0]?.status, 'unreadable');
        if (!name.includes('\0')) assert.deepEqual(certificates[0].reasons, ['missing']);
        assert.equal(findings[0]?.level, 'critical');
        assert.match(findings[0].message, /certificates\.paths|can read it/);
      });
    }

    it('that are missing do not keep the others from being checked', async () => {
      const issued = await issue(root, { names: ['a.example.test'], ...valid });
      const path = await folder.write('a.pem', issued.certPem);
      const { outcome, certificates } = await check({ path: [folder.path('missing.pem'), path], ca });
      assert.equal(outcome, 'warning');
      assert.deepEqual(certificates.map((each) => each.status).sort(), ['ok', 'unreadable']);
    });

    it('configured and none given are those of the configuration', async () => {
      const issued = await issue(root, { names: ['a.example.test'], ...valid });
      const path = await folder.write('a.pem', issued.certPem);
      assert.equal((await checkOne({}, { paths: [path], ca })).source, path);
    });
  });

  describe('content that is no certificate', () => {
    const contents = [
      { title: 'nothing at all', content: '', message: /is empty/ },
      { title: 'text', content: 'hello', message: /neither PEM nor DER nor PKCS#12/ },
      {
        title: 'a damaged PEM',
        content: '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n',
        message: /certificate 1 in it is damaged/,
      },
      { title: 'a PEM without end', content: '-----BEGIN CERTIFICATE-----\nMIIB\n', message: /has no END line/ },
      {
        title: 'DER of something else',
        content: Buffer.from('3003020101', 'hex'),
        message: /neither a certificate nor PKCS#12/,
      },
      { title: 'more than 10 MB', content: Buffer.alloc(10 * 1024 * 1024 + 1), message: /larger than 10 MB/ },
    ];
    for (const { title, content, message } of contents) {
      it(`is a finding: ${title}`, async () => {
        const path = await folder.write('a.pem', content);
        const { outcome, findings, certificates } = await check({ path: [path], ca });
        assert.equal(outcome, 'failed');
        assert.match(findings[0]?.message ?? '', message);
        assert.equal(certificates[0]?.status, title.startsWith('more') ? 'unreadable' : 'unparsable');
        assert.equal(findings[0]?.subject, path);
      });
    }

    it('is named when it is a key', async () => {
      const path = await folder.write('a.pem', root.keyPem);
      const found = await checkOne({ path: [path], ca });
      assert.match(found.message, /no certificate but a PRIVATE KEY/);
    });

    it('is a FIFO, which does not hang', async () => {
      execFileSync('mkfifo', [folder.path('a.pem')]);
      const found = await checkOne({ path: [folder.path('a.pem')], ca });
      assert.equal(found.status, 'unreadable');
      assert.match(found.message, /not a regular file/);
    });
  });

  it('refuses a file of authorities that is missing or empty', async () => {
    await assert.rejects(
      check({ path: [ca], ca: folder.path('missing.pem') }),
      /can not be read \(no such file or directory\); correct certificates\.ca/,
    );
    const empty = await folder.write('empty.pem', '');
    await assert.rejects(check({ path: [ca], ca: empty }), /hold no PEM certificate/);
  });
});
