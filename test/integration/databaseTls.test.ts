import assert from 'node:assert/strict';
import { chown, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { openSession } from '../../agent/procedures/database/connection.ts';
import { resolveTarget } from '../../agent/procedures/database/target.ts';
import { createAuthority, issue } from '../procedures/certificates/authority.ts';
import { checkOne } from '../procedures/certificates/harness.ts';
import { makeConfig } from '../procedures/database/context.ts';
import { maintain, until } from './maintenance.ts';
import { startPostgres, type Postgres } from './postgres.ts';

describe('a connection over TLS', () => {
  let server: Postgres;
  let directory: string;
  let authority: string;
  let stranger: string;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'upkeep-tls-'));
    server = await startPostgres();
    const notBefore = new Date(Date.now() - 3_600_000);
    const notAfter = new Date(Date.now() + 86_400_000);
    const root = await createAuthority({ name: 'Test Root' });
    const { certPem, keyPem } = await issue(root, { names: ['localhost'], notBefore, notAfter });
    authority = join(directory, 'root.crt');
    stranger = join(directory, 'stranger.crt');
    await writeFile(authority, root.certPem);
    await writeFile(stranger, (await createAuthority({ name: 'Another Root' })).certPem);
    await serveTls(server, certPem, keyPem);
  });
  after(async () => {
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  });

  function url(host: string, parameters: Record<string, string>): string {
    return `postgres://postgres@${host}:${server.port}/postgres?${new URLSearchParams(parameters).toString()}`;
  }

  async function messageOf(host: string, parameters: Record<string, string>): Promise<string> {
    const env = { PGPASSWORD: server.password, HOME: directory };
    const { outcome, findings } = await maintain(url(host, parameters), { env, settings: { connect_timeout: '5s' } });
    return outcome === 'failed' ? (findings[0]?.message ?? '') : outcome;
  }

  it('is used where the server offers it, without being asked for', async () => {
    const target = resolveTarget('shop', url('127.0.0.1', {}), { PGPASSWORD: server.password, HOME: directory });
    assert.ok('parameters' in target);
    const settings = makeConfig().database;
    const session = await openSession(target.parameters, { settings, signal: new AbortController().signal });
    try {
      const rows = await session.query('select ssl from pg_stat_ssl where pid = $1', [session.pid]);
      assert.deepEqual(rows, [{ ssl: true }]);
    } finally {
      await session.close();
    }
  });

  it('checks the chain with verify-ca, the name too with verify-full', async () => {
    const trusted = { sslrootcert: authority };
    assert.equal(await messageOf('127.0.0.1', { ...trusted, sslmode: 'verify-ca' }), 'unchanged');
    assert.equal(await messageOf('localhost', { ...trusted, sslmode: 'verify-full' }), 'unchanged');
    assert.match(await messageOf('127.0.0.1', { ...trusted, sslmode: 'verify-full' }), /certificate is not accepted/);
    const foreign = { sslrootcert: stranger, sslmode: 'verify-ca' };
    assert.match(await messageOf('127.0.0.1', foreign), /certificate is not accepted .*set sslrootcert/);
  });

  it('says which file of it can not be read', async () => {
    const message = await messageOf('127.0.0.1', { sslmode: 'verify-ca', sslrootcert: join(directory, 'missing.crt') });
    assert.match(message, /the file of sslrootcert can not be read: ENOENT/);
  });

  it('shows check-certificates what certificate the server has, and that it has none once TLS is switched off', async () => {
    const options = { domain: [`postgres://localhost:${server.port}`], ca: authority };
    const { status, names, source } = await checkOne(options);
    assert.deepEqual([status, names, source], ['ok', ['localhost'], `postgres://localhost:${server.port}`]);
    await switchTls(server, 'off');
    const off = await checkOne(options);
    await switchTls(server, 'on');
    assert.equal(off.status, 'unreadable');
    assert.match(off.message, /the server has TLS switched off \(ssl = off\)/);
  });
});

async function serveTls(server: Postgres, certificate: string, key: string): Promise<void> {
  const { uid, gid } = await stat(server.dataDirectory);
  for (const [name, text] of [
    ['server.crt', certificate],
    ['server.key', key],
  ] as const) {
    const path = join(server.dataDirectory, name);
    await writeFile(path, text, { mode: 0o600 });
    await chown(path, uid, gid);
  }
  await switchTls(server, 'on');
}

async function switchTls(server: Postgres, to: 'on' | 'off'): Promise<void> {
  await server.query(`alter system set ssl = ${to}`);
  await server.query('select pg_reload_conf()');
  await until(server, `select 1 where current_setting('ssl') = '${to}'`);
}
