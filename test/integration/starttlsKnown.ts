/** Servers that speak STARTTLS, as Debian packages them, each with the least configuration for one port of loopback. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import type { StartTls } from '../../agent/config/endpoints.ts';
import { findProgram } from '../systemPackages.ts';

export interface KnownServer {
  readonly protocol: StartTls;
  readonly program: string;
  /** What is in a package of its own beside the program. */
  readonly needs?: string;
  /** Its configuration, the file `conf.lua` of its folder; `tls` is the path of certificate and key without their endings. */
  readonly config: (folder: string, port: number, tls: string) => readonly string[];
  readonly args: (config: string, port: number) => readonly string[];
  /** Further files that it wants. */
  readonly prepare?: (folder: string, tls: string) => void;
  readonly env?: (folder: string) => Readonly<Record<string, string>>;
}

/** A server of Dovecot; `service` holds its listener. */
function dovecot(protocol: StartTls, needs: string, service: (port: number) => readonly string[]): KnownServer {
  return {
    protocol,
    program: 'dovecot',
    needs: `/usr/lib/dovecot/${needs}`,
    config: (folder, port, tls) => [
      ...[`protocols = ${protocol}`, `base_dir = ${folder}/run`, `state_dir = ${folder}/state`],
      ...['log_path = /dev/null', 'listen = 127.0.0.1', 'ssl = yes', `ssl_cert = <${tls}.pem`, `ssl_key = <${tls}.key`],
      ...['passdb {', 'driver = static', '}'],
      ...service(port),
    ],
    args: (config) => ['-F', '-c', config],
  };
}

function listener(service: string, name: string, port: number, silenced?: string): string[] {
  const none = silenced === undefined ? [] : [`inet_listener ${silenced} {`, 'port = 0', '}'];
  return [
    `service ${service} {`,
    `inet_listener ${name} {`,
    'address = 127.0.0.1',
    `port = ${port}`,
    '}',
    ...none,
    '}',
  ];
}

function prosody(protocol: StartTls, which: 'c2s' | 's2s'): KnownServer {
  return {
    protocol,
    program: 'prosody',
    config: (folder, port, tls) => [
      ...['run_as_root = true', `data_path = "${folder}"`, `pidfile = "${folder}/pid"`, 'interfaces = { "127.0.0.1" }'],
      ...['log = { error = "*console" }', 'modules_enabled = { "tls", "saslauth", "dialback" }'],
      ...[
        'c2s_ports = {}',
        's2s_ports = {}',
        'c2s_direct_tls_ports = {}',
        's2s_direct_tls_ports = {}',
        'http_ports = {}',
      ],
      ...['https_ports = {}', `${which}_ports = { ${port} }`],
      ...[`ssl = { certificate = "${tls}.pem", key = "${tls}.key" }`, 'VirtualHost "localhost"'],
    ],
    args: (config) => ['-F', '--config', config],
  };
}

const servers: readonly KnownServer[] = [
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
      ...[`tls_certificate = ${tls}.pem`, `tls_privatekey = ${tls}.key`],
      ...['begin acl', 'begin routers', 'begin transports'],
    ],
    args: (config) => ['-bdf', '-C', config],
  },
  dovecot('imap', 'imap-login', (port) => listener('imap-login', 'imap', port, 'imaps')),
  dovecot('pop3', 'pop3-login', (port) => listener('pop3-login', 'pop3', port, 'pop3s')),
  dovecot('lmtp', 'lmtp', (port) => listener('lmtp', 'lmtp', port)),
  dovecot('sieve', 'managesieve-login', (port) => listener('managesieve-login', 'sieve', port)),
  {
    protocol: 'nntp',
    program: '/usr/lib/news/bin/nnrpd',
    config: (folder) => [
      ...[
        'mta: /bin/true',
        'organization: Example',
        'ovmethod: tradindexed',
        'hismethod: hisv6',
        'domain: example.test',
      ],
      ...['pathhost: news.example.test', 'pathnews: /usr/lib/news', `pathdb: ${folder}`, `pathetc: ${folder}`],
      ...['run', 'log', 'spool', 'tmp'].map((kind) => `path${kind}: ${folder}/spool`),
      ...['runasuser: root', 'runasgroup: root', `tlscertfile: ${folder}/site.pem`, `tlskeyfile: ${folder}/site.key`],
    ],
    prepare: (folder, tls) => {
      const readers = 'auth "all" {\n default: "reader"\n}\naccess "all" {\n users: "*"\n newsgroups: "*"\n}\n';
      mkdirSync(join(folder, 'spool', 'overview'));
      const files: Readonly<Record<string, string>> = {
        'readers.conf': readers,
        'storage.conf': 'method tradspool {\n newsgroups: *\n class: 0\n}\n',
        active: 'junk 0000000000 0000000001 y\n',
        history: '',
        'spool/tradspool.map': '',
        'spool/overview/group.index': '',
      };
      for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
      // It takes no key that others could read.
      for (const ending of ['.pem', '.key']) {
        writeFileSync(join(folder, `site${ending}`), readFileSync(`${tls}${ending}`), { mode: 0o600 });
      }
    },
    args: (_config, port) => ['-D', '-f', '-b', '127.0.0.1', '-p', String(port)],
    env: (folder) => ({ INNCONF: `${folder}/conf.lua` }),
  },
  {
    protocol: 'ftp',
    program: 'vsftpd',
    config: (folder, port, tls) => [
      ...['listen=YES', 'background=NO', 'listen_address=127.0.0.1', `listen_port=${port}`, 'ssl_enable=YES'],
      ...[`rsa_cert_file=${tls}.pem`, `rsa_private_key_file=${tls}.key`, `secure_chroot_dir=${folder}/spool`],
    ],
    args: (config) => [config],
  },
  {
    protocol: 'ftp',
    program: 'proftpd',
    config: (folder, port, tls) => [
      ...['LoadModule mod_tls.c', 'ServerType standalone', `Port ${port}`, 'DefaultAddress 127.0.0.1', 'UseIPv6 off'],
      ...[`PidFile ${folder}/pid`, `ScoreboardFile ${folder}/scoreboard`, 'WtmpLog off', 'SystemLog none'],
      ...['TLSEngine on', `TLSRSACertificateFile ${tls}.pem`, `TLSRSACertificateKeyFile ${tls}.key`],
      `TLSCertificateChainFile ${dirname(tls)}/intermediate.crt`,
    ],
    args: (config) => ['-n', '-c', config],
  },
  prosody('xmpp-client', 'c2s'),
  prosody('xmpp-server', 's2s'),
  {
    protocol: 'mysql',
    program: 'mariadbd',
    config: (folder, port, tls) => [
      ...['[mariadbd]', `datadir=${folder}/spool`, `socket=${folder}/socket`, `pid-file=${folder}/pid`],
      ...['bind-address=127.0.0.1', `port=${port}`, 'user=root', 'skip-grant-tables', 'skip-innodb'],
      ...['default-storage-engine=Aria', `ssl-cert=${tls}.pem`, `ssl-key=${tls}.key`],
    ],
    args: (config) => [`--defaults-file=${config}`],
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

/** Those that this machine has, with the paths of their programs; they need root's rights. */
export function presentServers(): KnownServer[] {
  if (process.getuid?.() !== 0) return [];
  return servers.flatMap((server) => {
    const program = isAbsolute(server.program) ? server.program : findProgram(server.program);
    const complete =
      program !== null && existsSync(program) && (server.needs === undefined || existsSync(server.needs));
    return complete ? [{ ...server, program }] : [];
  });
}
