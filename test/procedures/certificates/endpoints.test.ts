import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import { checkAll } from '../../../agent/procedures/certificates/check.ts';
import { createPace } from '../../../agent/procedures/certificates/pace.ts';
import { type Authority, createAuthority, issue, type Issued, selfSigned } from './authority.ts';
import { check, checkOne, daysFromNow, Folder, valid } from './harness.ts';
import { beginTls, Servers } from './servers.ts';

describe('check-certificates, TLS endpoints', () => {
  const folder = new Folder();
  const servers = new Servers();
  const names = ['127.0.0.1', 'a.example.test'];
  let root: Authority;
  let intermediate: Authority;
  let good: Issued;
  let ca: string;

  before(async () => {
    root = await createAuthority({ name: 'Test Root' });
    intermediate = await createAuthority({ name: 'Test Intermediate', issuer: root });
    good = await issue(intermediate, { names, ...valid });
  });
  beforeEach(async () => {
    await folder.create();
    ca = await folder.write('authority.txt', root.certPem);
  });
  afterEach(async () => {
    await servers.close();
    await folder.remove();
  });

  it('that are fine are so, and get nothing but the handshake', async () => {
    const { port, received } = await servers.tls(good);
    const { outcome, certificates, findings } = await check({ domain: [`127.0.0.1:${port}`], ca });
    assert.equal(outcome, 'unchanged');
    assert.deepEqual(findings, []);
    const [found] = certificates;
    assert.deepEqual([found?.source, found?.status, found?.count], [`127.0.0.1:${port}`, 'ok', 2]);
    assert.equal(received(), 0);
  });

  it('are asked for the name by SNI', async () => {
    const other = await issue(intermediate, { names: ['b.example.test'], ...valid });
    const { port } = await servers.tls(good, {}, { 'b.example.test': other });
    const domain = [`127.0.0.1:${port}`];
    const found = await checkOne({ domain, ca, host: 'b.example.test' });
    assert.deepEqual([found.status, found.names], ['ok', ['b.example.test']]);
    const mismatch = await checkOne({ domain, ca, host: 'c.example.test' });
    assert.deepEqual([mismatch.status, mismatch.reasons], ['bad', ['host_mismatch']]);
    assert.match(mismatch.message, /have one issued that names c\.example\.test\.$/);
    const named = await servers.tls(other);
    const byAddress = await checkOne({ domain: [`127.0.0.1:${named.port}`], ca });
    assert.match(byAddress.message, /names 127\.0\.0\.1, or look at it by the name that its clients use/);
  });

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`that ask for a client certificate are seen all the same (${version})`, async () => {
      const { port } = await servers.tls(good, {
        ...{ minVersion: version, maxVersion: version },
        ...{ requestCert: true, rejectUnauthorized: true, ca: root.certPem },
      });
      assert.deepEqual((await checkOne({ domain: [`127.0.0.1:${port}`], ca })).status, 'ok');
    });
  }

  it('are trusted by an authority in between that is named alone, and by their own certificate, as files are', async () => {
    const { port } = await servers.tls(good);
    for (const trusted of [intermediate.certPem, good.certPem]) {
      const path = await folder.write('served.pem', good.chainPem);
      const options = { domain: [`127.0.0.1:${port}`], path: [path], ca: await folder.write('trusted.txt', trusted) };
      const { certificates } = await check(options);
      assert.deepEqual(
        certificates.map(({ status }) => status),
        ['ok', 'ok'],
      );
    }
  });

  it('of the configuration are checked when no option names others', async () => {
    const { port } = await servers.tls(good);
    assert.equal((await checkOne({}, { endpoints: [`https://127.0.0.1:${port}/`], ca })).status, 'ok');
  });

  describe('that are not to be trusted are looked at all the same:', () => {
    const expired = { notBefore: daysFromNow(-90), notAfter: daysFromNow(-2) };
    const early = { notBefore: daysFromNow(2), notAfter: daysFromNow(90) };
    const other = ['b.example.test'];
    const cases: readonly {
      readonly title: string;
      readonly served: () => Promise<Pick<Issued, 'chainPem' | 'keyPem'>>;
      readonly status: string;
      readonly reasons: readonly string[];
      readonly options?: TlsOptions;
    }[] = [
      { title: 'expired', served: () => issue(root, { names, ...expired }), status: 'expired', reasons: [] },
      { title: 'not yet valid', served: () => issue(root, { names, ...early }), status: 'not_yet_valid', reasons: [] },
      { title: 'self-signed', served: () => selfSigned({ names, ...valid }), status: 'bad', reasons: ['self_signed'] },
      {
        title: 'expired, self-signed and for another host',
        served: () => selfSigned({ names: other, ...expired }),
        status: 'expired',
        reasons: ['self_signed', 'host_mismatch'],
      },
      {
        title: 'without its intermediate',
        served: () => Promise.resolve({ ...good, chainPem: good.certPem }),
        status: 'bad',
        reasons: ['chain_incomplete'],
      },
      {
        title: 'in the wrong order',
        served: async () => {
          const issued = await issue(intermediate, { names, ...valid });
          return { ...issued, chainPem: issued.certPem + root.certPem + intermediate.certPem };
        },
        status: 'bad',
        reasons: ['wrong_order'],
      },
      {
        title: 'with a weak key',
        served: () => issue(intermediate, { names, ...valid, keyType: 'rsa1024' }),
        status: 'bad',
        reasons: ['weak_key'],
        options: { ciphers: 'DEFAULT@SECLEVEL=0' },
      },
    ];
    for (const { title, served, status, reasons, options } of cases) {
      it(title, async () => {
        const { port, received } = await servers.tls(await served(), options);
        const found = await checkOne({ domain: [`127.0.0.1:${port}`], ca });
        assert.deepEqual([found.status, found.reasons], [status, reasons]);
        assert.equal(received(), 0);
      });
    }

    it('issued by one that is no authority, which only TLS itself refuses', async () => {
      const impostor = { name: names[0]!, certPem: good.certPem, keyPem: good.keyPem, chainPem: good.chainPem };
      const { port } = await servers.tls(await issue(impostor, { names, ...valid }));
      const found = await checkOne({ domain: [`127.0.0.1:${port}`], ca });
      assert.deepEqual([found.status, found.reasons], ['bad', ['chain_incomplete']]);
    });
  });

  describe('that serve another certificate than the disk holds', () => {
    it('are told to reload', async () => {
      const renewed = await issue(intermediate, { names, notBefore: daysFromNow(-1), notAfter: daysFromNow(89) });
      const path = await folder.write('a.pem', renewed.chainPem);
      const { port } = await servers.tls(good);
      const { certificates, findings } = await check({}, { paths: [path], endpoints: [`127.0.0.1:${port}`], ca });
      assert.deepEqual(
        certificates.map((each) => each.reasons),
        [[], ['served_differs']],
      );
      assert.equal(findings[0]?.code, 'certificates.served');
      assert.match(findings[0].message, /a\.pem holds another one .* reload the service/);
    });

    it('name deploy-certificate as the remedy where the configuration has a target for it', async () => {
      const renewed = await issue(intermediate, { names, ...valid });
      const paths = [await folder.write('a.pem', renewed.chainPem)];
      const { port } = await servers.tls(good);
      const remedyWith = async (domain: string): Promise<unknown> => {
        const deploy = [{ domain, to: { combined: '/srv/pair.pem' } }];
        const settings = { paths, endpoints: [`127.0.0.1:${port}`], ca, deploy };
        return (await check({}, settings)).findings[0]?.remedy;
      };
      assert.deepEqual(await remedyWith('A.example.test'), {
        procedure: 'deploy-certificate',
        options: { domain: 'A.example.test' },
        title: 'Deploy the certificate of A.example.test',
      });
      assert.equal(await remedyWith('b.example.test'), undefined);
    });

    it('are compared with the configured files also when an option names the endpoint', async () => {
      const renewed = await issue(intermediate, { names, ...valid });
      const paths = [await folder.write('a.pem', renewed.chainPem)];
      const { port } = await servers.tls(good);
      assert.deepEqual((await checkOne({ domain: [`127.0.0.1:${port}`] }, { paths, ca })).reasons, ['served_differs']);
    });

    it('are fine when one of several files is what they serve, or when the files are for other names', async () => {
      const older = await issue(intermediate, { names, ...valid });
      const other = await issue(intermediate, { names: ['b.example.test'], ...valid });
      await folder.write('a.pem', older.chainPem);
      await folder.write('b.pem', good.chainPem);
      await folder.write('c.pem', other.chainPem);
      const { port } = await servers.tls(good);
      const settings = { paths: [folder.path('*.pem')], ca };
      assert.equal((await checkOne({ domain: [`127.0.0.1:${port}`] }, settings)).status, 'ok');
    });
  });

  describe('of which nothing can be seen', () => {
    const unreadable = async (port: number, timeout = '1h'): Promise<string> => {
      const { certificates, findings, outcome } = await check({ domain: [`127.0.0.1:${port}`], ca }, { timeout });
      assert.equal(outcome, 'failed');
      assert.deepEqual([certificates[0]?.status, certificates[0]?.reasons], ['unreadable', []]);
      assert.equal(findings[0]?.level, 'critical');
      return findings[0].message;
    };

    it('are silent', async () => {
      const { port } = await servers.tcp(() => undefined);
      assert.match(await unreadable(port, '400ms'), /did not complete the TLS handshake within 400 ms/);
    });

    it('speak plain HTTP', async () => {
      const { port } = await servers.tcp((socket) => {
        socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
      });
      assert.match(
        await unreadable(port),
        /does not speak TLS, or not at once; name the port of its TLS, or write smtp:\/\//,
      );
    });

    it('are closed', async () => {
      const { port } = await servers.tcp(() => undefined);
      await servers.close();
      assert.match(await unreadable(port), /nothing listens there/);
    });

    it('hang up', async () => {
      const { port } = await servers.tcp((socket) => socket.destroy());
      assert.match(await unreadable(port), /closes the connection during the TLS handshake/);
    });

    it('speak only TLS 1.1', async () => {
      const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
      const { port } = await servers.tls(good, old);
      assert.match(
        await unreadable(port),
        /only TLS 1\.1 or older, which is refused; enable TLS 1\.2 or 1\.3 there\.$/,
      );
    });

    it('keep none of the others from being checked', async () => {
      const came = Promise.withResolvers<Socket>();
      const silent = await servers.tcp(came.resolve);
      const { port } = await servers.tcp((socket) => {
        // The silent one is let go only once this one has been looked at.
        socket.once('close', () => void came.promise.then((waiting) => waiting.destroy()));
        beginTls(good)(socket);
      });
      const domain = [`127.0.0.1:${silent.port}`, `127.0.0.1:${port}`];
      const { outcome, certificates } = await check({ domain, ca }, { timeout: '1h' });
      assert.equal(outcome, 'warning');
      assert.deepEqual(
        certificates.map((each) => each.status),
        ['unreadable', 'ok'],
      );
    });
  });

  it('are 200 in one check, of which one hangs and delays none of the others', async () => {
    let release = (): void => assert.fail('nobody came to the one that hangs');
    const silent = await servers.tcp((socket) => {
      release = () => socket.destroy();
    });
    const ports = await Promise.all(Array.from({ length: 200 }, () => servers.tls(good)));
    const all = [silent, ...ports].map(({ port }) => ({ host: '127.0.0.1', port, starttls: null }));
    const signal = new AbortController().signal;
    const found = await checkAll(
      {
        ...{ paths: [], comparedPaths: [], endpoints: all, host: null, password: undefined, warnDays: undefined },
        ...{ authorities: root.certPem, timeout: 3_600_000, now: new Date(), signal, env: {} },
        // All others are done while this one still hangs: it is let go only then.
        onProgress: (done) => {
          if (done === 200) release();
        },
      },
      createPace(),
    );
    assert.deepEqual(
      found.map(({ certificate }) => certificate.status),
      ['unreadable', ...ports.map(() => 'ok')],
    );
  });

  it('are looked at 50 at once', async () => {
    let open = 0;
    let most = 0;
    const waiting: Socket[] = [];
    const ports = await Promise.all(
      Array.from({ length: 60 }, () =>
        // Nobody gets an answer before 50 have come: with fewer at once all would wait until their time is up.
        servers.tcp((socket) => {
          most = Math.max(most, (open += 1));
          socket.once('close', () => (open -= 1));
          waiting.push(socket);
          if (waiting.length >= 50) for (const each of waiting) each.destroy();
        }),
      ),
    );
    const { certificates } = await check(
      { domain: ports.map(({ port }) => `127.0.0.1:${port}`), ca },
      { timeout: '1h' },
    );
    assert.equal(certificates.length, 60);
    assert.equal(most, 50);
  });

  it('are left alone once the run is stopped', async () => {
    const stop = new AbortController();
    const { port } = await servers.tcp(() => {
      stop.abort(new Error('stopped by alice'));
    });
    await assert.rejects(check({ domain: [`127.0.0.1:${port}`], ca }, {}, stop.signal), /stopped by alice/);
  });
});
