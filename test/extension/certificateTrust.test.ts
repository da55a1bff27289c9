import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import {
  createServer as createTlsServer,
  getCACertificates,
  setDefaultCACertificates,
  type TlsOptions,
} from 'node:tls';
import { CertificateTrust, type Pins } from '../../extension/certificateTrust.ts';
import type { Pin } from '../../extension/client/certificate.ts';
import { AgentClient } from '../../extension/client/agentClient.ts';
import type { ConnectionState } from '../../extension/client/connectionState.ts';
import { dialHost } from '../../extension/dialHost.ts';
import { HostStore } from '../../extension/state/hostStore.ts';
import { createAuthority, issueCertificate, selfSigned, type Authority } from '../procedures/certificates/authority.ts';
import { lifetime } from '../server/tlsHarness.ts';
import { makeSelfSigned } from '../../agent/server/selfSigned.ts';
import { AgentDouble } from './client/agentDouble.ts';

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined, debug: () => undefined };
const old = { notBefore: new Date('2025-01-01T00:00:00Z'), notAfter: new Date('2025-02-01T00:00:00Z') };
const fingerprintOf = (pem: string): string => new X509Certificate(pem).fingerprint256;

interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** An editor with what a person answers in it. */
class Editor {
  readonly #questioned = Promise.withResolvers<undefined>();
  /** Resolves with the first question. */
  readonly question = this.#questioned.promise;
  readonly asked: { message: string; detail: string; action: string }[] = [];
  readonly errors: string[] = [];
  readonly forgotten: string[] = [];
  readonly stored = new Map<string, Pin>();
  /** The person's answers; an empty list says no. */
  readonly answers: (boolean | Promise<boolean>)[] = [];
  readonly #clients: AgentClient[] = [];
  readonly #pins: Pins = {
    get: (place) => this.stored.get(place) ?? null,
    set: (place, pin) => {
      this.stored.set(place, pin);
      return Promise.resolve();
    },
    delete: (place) => {
      this.stored.delete(place);
      return Promise.resolve();
    },
  };
  readonly #trust = new CertificateTrust({
    pins: this.#pins,
    dialogs: {
      confirm: (message, detail, action) => {
        this.asked.push({ message, detail, action });
        this.#questioned.resolve(undefined);
        return Promise.resolve(this.answers.shift() ?? false);
      },
      error: (message, ...actions) => {
        this.errors.push(message);
        return Promise.resolve(actions[0]);
      },
    },
    forget: (host) => this.forgotten.push(host),
  });

  /** Connects as the editor does; resolves when it is online or a person must act, with what the connection says. */
  async connect(url: string, name = 'db-01'): Promise<string> {
    const tokens = { get: () => Promise.resolve('secret-token') };
    const localAgent = { prepare: () => Promise.reject(new Error('not local')), socketPath: '/none' };
    const client = new AgentClient({
      name,
      clientName: 'test/1',
      dial: () => dialHost({ name, url }, { tokens, trust: this.#trust, localAgent }),
      sink: new HostStore(silent),
      log: silent,
    });
    this.#clients.push(client);
    const settled = new Promise<ConnectionState>((resolve) => {
      client.onDidChange((state) => {
        if (state.kind !== 'connecting') resolve(state);
      });
    });
    client.start();
    const state = await settled;
    client.stop();
    return state.kind === 'waiting' || state.kind === 'failed' ? `${state.kind}: ${state.problem.message}` : state.kind;
  }

  dispose(): void {
    for (const client of this.#clients) client.stop();
  }
}

describe('trust in certificates', () => {
  let editor: Editor;
  let agent: AgentDouble | null;
  let authority: Authority;
  let authorizations: unknown[];
  const ends: (() => Promise<unknown>)[] = [];
  before(async () => {
    authority = await createAuthority({ name: 'Private authority' });
  });
  beforeEach(() => {
    editor = new Editor();
    agent = null;
    authorizations = [];
  });
  afterEach(async () => {
    editor.dispose();
    await agent?.stop();
    for (const end of ends.splice(0)) await end();
  });

  /** Listens on a free port until the end of the test. */
  async function listen(server: Server): Promise<number> {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ends.push(async () => {
      server.close();
      await once(server, 'close');
    });
    return (server.address() as AddressInfo).port;
  }

  async function serve(pair: Pair, port = 0): Promise<AgentDouble> {
    agent = await AgentDouble.start(pair, port);
    agent.refuse = (headers) => {
      authorizations.push(headers['authorization']);
      return null;
    };
    return agent;
  }

  /** Another certificate at the same place. */
  async function change(pair: Pair): Promise<AgentDouble> {
    const port = agent?.port ?? 0;
    await agent?.stop();
    return serve(pair, port);
  }

  function own(names = ['127.0.0.1', 'localhost']): Pair {
    const { certificate, key } = makeSelfSigned({ names, ...lifetime });
    return { cert: certificate, key };
  }

  it('V11: shows the fingerprint of a self-signed certificate, and sends no token before a person trusts it', async () => {
    const pair = own();
    const { url, port } = await serve(pair);
    const answer = Promise.withResolvers<boolean>();
    editor.answers.push(answer.promise);
    const connected = editor.connect(url);
    await editor.question;
    assert.deepEqual(authorizations, []);
    const [question] = editor.asked;
    assert.equal(question?.message, `Trust the certificate of db-01 (127.0.0.1:${port})?`);
    assert.match(question.detail, /^It vouches for itself\./);
    assert.ok(question.detail.includes(fingerprintOf(pair.cert)));
    answer.resolve(true);
    assert.equal(await connected, 'online');
    assert.deepEqual(authorizations, ['Bearer secret-token']);
    assert.equal(await editor.connect(url), 'online');
    assert.equal(editor.asked.length, 1);
  });

  it('V11: sends nothing when the person says no, and asks again at the next attempt of theirs', async () => {
    const { url } = await serve(own());
    assert.match(await editor.connect(url), /^failed: the certificate of db-01 was not accepted \(SHA-256 /);
    assert.deepEqual([authorizations, editor.stored.size], [[], 0]);
    editor.answers.push(true);
    assert.equal(await editor.connect(url), 'online');
  });

  it('V11: screams when an accepted certificate has changed, with both fingerprints, and sends nothing', async () => {
    const [first, second] = [own(), own()];
    const { url, port } = await serve(first);
    editor.answers.push(true);
    assert.equal(await editor.connect(url), 'online');
    authorizations = [];
    await change(second);
    const state = await editor.connect(url);
    assert.match(state, new RegExp(`^failed: THE CERTIFICATE OF 127\\.0\\.0\\.1:${port} HAS CHANGED`));
    for (const { cert } of [first, second]) assert.ok(state.includes(fingerprintOf(cert)));
    assert.deepEqual(editor.errors, [state.replace('failed: ', 'db-01: ')]);
    assert.deepEqual(editor.forgotten, ['db-01']);
    assert.deepEqual([authorizations, editor.asked.length], [[], 1]);
  });

  it('V11: takes no other certificate for an accepted one, not even one that the accepted one has issued', async () => {
    const issued = await issueCertificate(authority, { names: ['127.0.0.1'], ...lifetime });
    const { url, port } = await serve({ cert: issued.chainPem, key: issued.keyPem });
    const accepted = { fingerprint: fingerprintOf(authority.certPem), pem: authority.certPem, pinnedAt: '2026-01-01' };
    editor.stored.set(`127.0.0.1:${port}`, accepted);
    assert.match(await editor.connect(url), /HAS CHANGED/);
    assert.deepEqual(authorizations, []);
  });

  it('pins a certificate of a private authority, which is named', async () => {
    const issued = await issueCertificate(authority, { names: ['127.0.0.1'], ...lifetime });
    const { url } = await serve({ cert: issued.chainPem, key: issued.keyPem });
    editor.answers.push(true);
    assert.equal(await editor.connect(url), 'online');
    assert.match(
      editor.asked[0]?.detail ?? '',
      /^It was issued by CN=Private authority, whom this machine does not trust\./,
    );
    assert.equal(await editor.connect(url), 'online');
  });

  it('V11: refuses an expired certificate by name, also an accepted one, and does not offer to trust it', async () => {
    const expired = await selfSigned({ names: ['127.0.0.1'], ...old });
    const { url, port } = await serve({ cert: expired.chainPem, key: expired.keyPem });
    const message = `failed: the certificate of 127.0.0.1:${port} expired on 2025-02-01: renew it on the host`;
    assert.equal(await editor.connect(url), message);
    const fingerprint = fingerprintOf(expired.certPem);
    editor.stored.set(`127.0.0.1:${port}`, { fingerprint, pem: expired.certPem, pinnedAt: '2025-01-02' });
    assert.equal(await editor.connect(url), message);
    assert.deepEqual([authorizations, editor.asked], [[], []]);
  });

  it('V11: names the names of a certificate that is made out for another host; once accepted, the name no longer counts', async () => {
    const { url, port } = await serve(own(['other.example.test']));
    editor.answers.push(true);
    assert.equal(await editor.connect(url), 'online');
    assert.match(editor.asked[0]?.detail ?? '', /For: other\.example\.test/);
    assert.equal(
      await editor.connect(`wss://localhost:${port}/`, 'other'),
      'failed: the certificate of other was not accepted (SHA-256 ' +
        `${editor.stored.get(`127.0.0.1:${port}`)?.fingerprint ?? ''}): reconnect to be asked again`,
    );
    assert.equal(editor.asked.length, 2);
  });

  it('asks nobody where an authority of this machine vouches for the certificate and its name; another name is a question', async () => {
    const before = getCACertificates('default');
    setDefaultCACertificates([...before, authority.certPem]);
    ends.push(() => {
      setDefaultCACertificates(before);
      return Promise.resolve();
    });
    const issued = await issueCertificate(authority, { names: ['127.0.0.1'], ...lifetime });
    const { url, port } = await serve({ cert: issued.chainPem, key: issued.keyPem });
    assert.equal(await editor.connect(url), 'online');
    assert.equal(editor.asked.length, 0);
    authorizations = [];
    assert.match(await editor.connect(`wss://localhost:${port}/`), /was not accepted/);
    assert.match(editor.asked[0]?.detail ?? '', /^It is made out for 127\.0\.0\.1, not for localhost\./);
    assert.deepEqual(authorizations, []);
  });

  it('V11: says that a plain agent speaks no TLS, and that older TLS is refused', async () => {
    agent = await AgentDouble.start();
    const url = agent.url.replace('ws:', 'wss:');
    assert.match(
      await editor.connect(url),
      /^failed: 127\.0\.0\.1:\d+ does not speak TLS: is it an agent without server\.tls \(ws:\/\/\)\?$/,
    );
    for (const version of ['TLSv1', 'TLSv1.1'] as const) {
      const pair: TlsOptions = { ...own(), minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' };
      const port = await listen(createTlsServer(pair));
      assert.match(await editor.connect(`wss://127.0.0.1:${port}/`), /^failed: .* speaks no TLS 1\.2 or newer: update/);
    }
  });

  it('comes back by itself after what may heal: nobody listens, a peer that hangs up', async () => {
    const port = await listen(createServer((socket) => socket.destroy()));
    assert.match(await editor.connect(`wss://127.0.0.1:${port}/`), /^waiting: /);
    await ends.pop()?.();
    assert.match(await editor.connect(`wss://127.0.0.1:${port}/`), /^waiting: .*ECONNREFUSED/);
  });

  it('asks once for two hosts at one place', async () => {
    const { url } = await serve(own());
    const answer = Promise.withResolvers<boolean>();
    editor.answers.push(answer.promise);
    const both = [editor.connect(url, 'db-01'), editor.connect(url, 'db-01 again')];
    await editor.question;
    answer.resolve(true);
    assert.deepEqual(await Promise.all(both), ['online', 'online']);
    assert.equal(editor.asked.length, 1);
  });

  it('V04: follows no redirect with the token', async () => {
    const other = await AgentDouble.start();
    ends.push(() => other.stop());
    const seen: unknown[] = [];
    other.refuse = (headers) => {
      seen.push(headers['authorization']);
      return 401;
    };
    const server = createTlsServer(own(), (socket) => {
      socket.once('data', () => {
        socket.end(`HTTP/1.1 307 Moved\r\nLocation: ${other.url}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
      });
    });
    editor.answers.push(true);
    const port = await listen(server);
    assert.match(await editor.connect(`wss://127.0.0.1:${port}/`), /the agent refused the connection \(HTTP 307\)/);
    assert.deepEqual(seen, []);
  });
});
