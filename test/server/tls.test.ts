import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { WebSocket } from 'ws';
import { expiryProblem, readCertificate } from '../../agent/server/certificate.ts';
import { createAuthority, issueCertificate } from '../procedures/certificates/authority.ts';
import { ask, bearer, closeCodeOf, requestFrame, startHarness, validParams } from './harness.ts';
import { clientOf, exchange, startTlsHarness, type TlsHarness } from './tlsHarness.ts';

const hello = requestFrame(1, 'hello', validParams.hello);
const fingerprintOf = (pem: string): string => new X509Certificate(pem).fingerprint256;

describe('TLS', () => {
  let harness: TlsHarness;
  beforeEach(async () => {
    harness = await startTlsHarness({ hostNames: ['agent.example.test'] });
  });
  afterEach(() => harness.dispose());

  async function open(host = 'localhost', headers: Record<string, string> = bearer('admin-token')): Promise<WebSocket> {
    const tls = await harness.handshake();
    const socket = new WebSocket(`wss://${host}:${harness.port}`, { headers, createConnection: () => tls });
    socket.on('error', () => undefined);
    await once(socket, 'open');
    return socket;
  }

  it('serves sessions over wss, and the same HTTP answers', async () => {
    const socket = await open();
    assert.match(JSON.stringify(await ask(socket, hello)), /"role":"admin"/);
    socket.terminate();
    const answer = await exchange(
      await harness.handshake(),
      'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    );
    assert.match(answer, /^HTTP\/1\.1 200 [^]*\{"status":"ok"\}/);
    assert.equal(harness.server.fingerprint(), await harness.seen());
  });

  it('answers to the names of its certificate and to configured ones, and to no other (V02)', async () => {
    for (const name of ['db-01.example.test', 'agent.example.test']) (await open(name)).terminate();
    await assert.rejects(open('evil.example.test'), /421/);
  });

  it('speaks no TLS 1.0 and 1.1 (V11)', async () => {
    for (const version of ['TLSv1', 'TLSv1.1'] as const) {
      await assert.rejects(
        harness.handshake({ minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' }),
        /protocol version/,
      );
    }
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const socket = await harness.handshake({ minVersion: version, maxVersion: version });
      assert.equal(socket.getProtocol(), version);
      socket.destroy();
    }
  });

  it('cuts plain HTTP on its port without an answer, and says why in the log, once (V11)', async () => {
    const request = `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer admin-token\r\n\r\n`;
    for (let count = 0; count < 5; count += 1) assert.equal(await harness.raw(request), '');
    const lines = harness.log.filter(({ message }) => message.includes('plain HTTP'));
    assert.equal(lines.length, 1);
    assert.match(lines[0]?.message ?? '', /it must use wss:\/\//);
    assert.equal(harness.tokens.verified, 0);
    assert.ok(!JSON.stringify(harness.log).includes('admin-token'));
  });

  it('cuts a peer that does not finish its handshake, and does not wait for it when it stops', async () => {
    const waiting = connectTcp(harness.port, '127.0.0.1');
    waiting.on('error', () => undefined);
    const closed = once(waiting, 'close');
    await once(waiting, 'connect');
    await harness.server.stop();
    await closed;
    await harness.dispose();
    harness = await startTlsHarness({ limits: { headersMs: 300 } });
    const silent = connectTcp(harness.port, '127.0.0.1');
    silent.on('error', () => undefined);
    await once(silent, 'close');
  });

  it('does not let connections without a token push out a session', async () => {
    await harness.dispose();
    harness = await startTlsHarness({ limits: { unauthenticated: 2 } });
    const socket = await open();
    const idle = await Promise.all(Array.from({ length: 6 }, () => harness.handshake().catch(() => null)));
    assert.match(JSON.stringify(await ask(socket, hello)), /"role":"admin"/);
    for (const one of idle) one?.destroy();
    socket.terminate();
  });

  it('V10: lives on after a __proto__ header, odd server names and JSON nested 100,000 deep', async () => {
    const answer = await exchange(
      await harness.handshake(),
      'GET /x HTTP/1.1\r\nHost: localhost\r\n__proto__: x\r\nconstructor: y\r\nConnection: close\r\n\r\n',
    );
    assert.match(answer, /^HTTP\/1\.1 404 /);
    for (const servername of [
      '__proto__',
      'constructor',
      'x'.repeat(255),
      '..',
      '*',
      'a\u0000b',
      'evil.example.test',
    ]) {
      const socket = await harness.handshake({ servername, checkServerIdentity: () => undefined });
      socket.destroy();
    }
    const socket = await open();
    await ask(socket, hello);
    const closed = closeCodeOf(socket);
    socket.send(`{"jsonrpc":"2.0","id":2,"method":"snapshot","params":${'['.repeat(100_000)}${']'.repeat(100_000)}}`);
    const first = await Promise.race([closed, once(socket, 'message').then(([data]) => String(data))]);
    assert.ok(first === 1007 || String(first).includes('-32600'), String(first));
    socket.terminate();
    (await open()).terminate();
  });
});

describe('a renewed certificate', () => {
  let harness: TlsHarness;
  beforeEach(async () => {
    harness = await startTlsHarness();
  });
  afterEach(() => harness.dispose());

  it('is taken over when its files change, and open connections go on', async () => {
    const tls = await harness.handshake();
    const headers = bearer('admin-token');
    const socket = new WebSocket(`wss://localhost:${harness.port}`, { headers, createConnection: () => tls });
    await once(socket, 'open');
    const before = await harness.seen();
    const next = await harness.issue();
    const taken = harness.nextCertificate();
    harness.install(next);
    assert.equal(await taken, fingerprintOf(next.certPem));
    assert.equal(await harness.seen(), fingerprintOf(next.certPem));
    assert.notEqual(await harness.seen(), before);
    assert.equal(harness.server.fingerprint(), fingerprintOf(next.certPem));
    assert.match(JSON.stringify(await ask(socket, hello)), /"role":"admin"/);
    socket.terminate();
  });

  it('is read again on reload', async () => {
    const next = await harness.issue();
    harness.install(next);
    harness.server.reloadCertificate();
    assert.equal(await harness.seen(), fingerprintOf(next.certPem));
  });

  it('is not used while it is broken: the old one stays, people are told, and told again when all is well', async () => {
    const before = await harness.seen();
    const other = await harness.issue();
    for (const [file, content, reason] of [
      [harness.files.key, other.keyPem, /does not belong to the first certificate/],
      [harness.files.key, 'no key', /holds no private key in PEM/],
      [harness.files.cert, 'no certificate', /holds no certificate in PEM/],
    ] as const) {
      writeFileSync(file, content);
      harness.server.reloadCertificate();
      assert.match(harness.problems.at(-1) ?? '', reason);
      assert.match(harness.problems.at(-1) ?? '', /^The new certificate is not used, the one before stays: /);
      assert.equal(await harness.seen(), before);
    }
    rmSync(harness.files.cert);
    harness.server.reloadCertificate();
    assert.match(harness.problems.at(-1) ?? '', /can not be read/);
    harness.install(other);
    harness.server.reloadCertificate();
    assert.equal(harness.problems.at(-1), null);
    assert.equal(await harness.seen(), fingerprintOf(other.certPem));
  });

  it('is looked at twice before anyone is told: tools write key and certificate one after the other', async () => {
    const next = await harness.issue();
    const timerSet = harness.nextTimer();
    writeFileSync(harness.files.key, next.keyPem);
    await timerSet;
    assert.deepEqual(harness.problems, [null]);
    const told = harness.nextProblem();
    harness.clock.advance(2000);
    assert.match((await told) ?? '', /does not belong/);
  });

  it('is told of when it has expired', async () => {
    const expired = await issueCertificate(harness.authority, {
      names: ['localhost'],
      notBefore: new Date('2025-01-01T00:00:00Z'),
      notAfter: new Date('2025-02-01T00:00:00Z'),
    });
    harness.install(expired);
    harness.server.reloadCertificate();
    assert.match(harness.problems.at(-1) ?? '', /expired on 2025-02-01T00:00:00\.000Z: clients refuse it\. Renew it/);
    const read = readCertificate({ ...harness.files, clientCa: null });
    assert.match(expiryProblem(read, Date.parse('2024-01-01')) ?? '', /valid from 2025-01-01/);
  });
});

describe('mutual TLS', () => {
  let harness: TlsHarness;
  before(async () => {
    harness = await startTlsHarness({ mutual: true });
  });
  after(() => harness.dispose());

  const healthz = 'GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';

  it('lets clients with a certificate of the authority in, who then still need a token', async () => {
    const { certPem: cert, keyPem: key } = await issueCertificate(harness.authority, clientOf('client'));
    assert.match(await exchange(await harness.handshake({ cert, key }), healthz), /^HTTP\/1\.1 401 /);
  });

  it('refuses clients without one, and with one of somebody else', async () => {
    const foreign = await createAuthority({ name: 'Somebody else' });
    const theirs = await issueCertificate(foreign, clientOf('client'));
    for (const options of [{}, { cert: theirs.certPem, key: theirs.keyPem }]) {
      const answer = await harness.handshake(options).then(
        (socket) => exchange(socket, healthz),
        () => '',
      );
      assert.equal(answer, '');
    }
  });
});

describe('a certificate that can not be served', () => {
  it('is refused with a sentence that names the file', async () => {
    const harness = await startTlsHarness();
    const { cert, key } = harness.files;
    const files = { cert, key, clientCa: null };
    const refused = (change: () => void, message: RegExp): void => {
      change();
      assert.throws(() => readCertificate(files), message);
    };
    refused(() => {
      writeFileSync(key, '-----BEGIN ENCRYPTED PRIVATE KEY-----\nMA==\n-----END ENCRYPTED PRIVATE KEY-----');
    }, /is locked by a password: store it without one/);
    refused(() => {
      rmSync(key);
    }, /the key .*key\.pem can not be read: ENOENT/);
    refused(() => {
      writeFileSync(cert, '');
    }, /holds no certificate in PEM/);
    await harness.dispose();
  });

  it('is what a server needs beyond loopback', async () => {
    // An address that no machine has: what is refused without a certificate is tried with one.
    const listen = { host: '192.0.2.1', port: 0 };
    await assert.rejects(startHarness({ listen }), /unencrypted: .*, or set server\.tls in maintenance\.yaml/);
    await assert.rejects(startTlsHarness({ listen }), /this machine has no address 192\.0\.2\.1/);
  });
});
