/**
 * check-certificates against the servers that people run, where this machine has them: `npm test` installs none, since a mail
 * server takes the place of the one that is there. Their dialogues, as recorded, are in starttls.test.ts.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkOne } from '../procedures/certificates/harness.ts';
import { freePort, listening } from '../procedures/certificates/nginx.ts';
import { Openssl } from '../procedures/certificates/openssl.ts';
import { findProgram } from '../systemPackages.ts';

interface RealServer {
  readonly protocol: 'smtp' | 'imap' | 'ldap';
  readonly program: string;
  /** Its configuration; `tls` is the path of certificate and key without their endings. */
  readonly config: (folder: string, port: number, tls: string) => readonly string[];
  readonly args: (config: string, port: number) => readonly string[];
}

const known: readonly RealServer[] = [
  {
    protocol: 'smtp',
    program: 'exim4',
    config: (folder, port, tls) => [
      ...['primary_hostname = mail.example.test', `daemon_smtp_ports = ${port}`, 'local_interfaces = 127.0.0.1'],
      ...[
        `spool_directory = ${folder}/spool`,
        `log_file_path = ${folder}/spool/%slog`,
        `pid_file_path = ${folder}/spool/pid`,
      ],
      ...['exim_user = root', 'exim_group = root', 'keep_environment =', 'tls_advertise_hosts = *'],
      ...[
        `tls_certificate = ${tls}.pem`,
        `tls_privatekey = ${tls}.key`,
        'begin acl',
        'begin routers',
        'begin transports',
      ],
    ],
    args: (config) => ['-bdf', '-C', config],
  },
  {
    protocol: 'imap',
    program: 'dovecot',
    config: (folder, port, tls) => [
      ...['protocols = imap', `base_dir = ${folder}/run`, `state_dir = ${folder}/state`, 'log_path = /dev/null'],
      ...['listen = 127.0.0.1', 'ssl = yes', `ssl_cert = <${tls}.pem`, `ssl_key = <${tls}.key`],
      ...['passdb {', 'driver = static', '}', 'service imap-login {'],
      ...['inet_listener imap {', `port = ${port}`, '}', 'inet_listener imaps {', 'port = 0', '}', '}'],
    ],
    args: (config) => ['-F', '-c', config],
  },
  {
    protocol: 'ldap',
    program: 'slapd',
    config: (folder, _port, tls) => [
      ...['include /etc/ldap/schema/core.schema', `pidfile ${folder}/pid`, `argsfile ${folder}/args`],
      ...[`TLSCertificateFile ${tls}.pem`, `TLSCertificateKeyFile ${tls}.key`],
    ],
    args: (config, port) => ['-h', `ldap://127.0.0.1:${port}/`, '-f', config, '-d', '0'],
  },
];
const present = known.filter(({ program }) => process.getuid?.() === 0 && findProgram(program) !== null);

if (present.length > 0) {
  describe('check-certificates, real servers with STARTTLS', () => {
    let folder: string;
    let openssl: Openssl;

    before(() => {
      folder = mkdtempSync(join(tmpdir(), 'upkeep-starttls-'));
      // They drop root's rights before they read what is theirs.
      chmodSync(folder, 0o755);
      mkdirSync(join(folder, 'tls'), { mode: 0o755 });
      openssl = new Openssl(join(folder, 'tls'));
      openssl.write(
        'site.pem',
        openssl.leaf('site', { names: 'DNS:localhost' }) + openssl.read('intermediate.crt'),
        0o644,
      );
      chmodSync(openssl.path('site.key'), 0o644);
    });
    after(() => {
      rmSync(folder, { recursive: true, force: true });
    });

    for (const server of present) {
      it(`are seen as they are: ${server.protocol} of ${server.program}`, async () => {
        const port = await freePort();
        const place = join(folder, server.program);
        mkdirSync(join(place, 'spool'), { recursive: true });
        const config = join(place, 'conf');
        writeFileSync(config, [...server.config(place, port, openssl.path('site')), ''].join('\n'));
        const program = findProgram(server.program) ?? assert.fail('it is gone');
        const child = spawn(program, server.args(config, port), { stdio: 'ignore' });
        try {
          await listening(port, child);
          const domain = [`${server.protocol}://localhost:${port}`];
          const found = await checkOne({ domain, ca: openssl.path('root.crt') });
          assert.deepEqual([found.status, found.names, found.count], ['ok', ['localhost'], 2], found.message);
        } finally {
          await ended(child);
        }
      });
    }
  });
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}
