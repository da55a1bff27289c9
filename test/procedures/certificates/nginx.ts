/** A real nginx of the test's own: own folder, free ports on loopback, nothing of the machine's. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { freePort } from '../../sandbox/ports.ts';
import { findProgram } from '../../systemPackages.ts';

export interface Nginx {
  readonly folder: string;
  /** The pair that it serves. */
  readonly cert: string;
  readonly key: string;
  readonly port: number;
  /** Of plain HTTP, where it serves the files of `webroot`. */
  readonly httpPort: number;
  readonly webroot: string;
  readonly endpoint: string;
  readonly validate: readonly string[];
  readonly reload: readonly string[];
  /** SHA-256 of what is served, as in results; null while nothing is. */
  readonly served: (name: string) => Promise<string | null>;
  /** Status of its answer by plain HTTP, for this name. */
  readonly status: (name: string) => Promise<number>;
  /** Further lines of its `http` block: rubbish makes `nginx -t` fail. */
  readonly configure: (lines: string) => void;
  readonly stop: () => Promise<void>;
}

/** Its first pair. */
export async function startNginx(pair: { readonly chainPem: string; readonly keyPem: string }): Promise<Nginx> {
  const program = findProgram('nginx');
  if (program === null) throw new Error('nginx is not installed');
  const folder = mkdtempSync(join(tmpdir(), 'upkeep-nginx-'));
  const [tls, webroot, temporary] = [join(folder, 'tls'), join(folder, 'webroot'), join(folder, 'temporary')];
  for (const each of [tls, webroot, temporary]) mkdirSync(each);
  const [cert, key, conf] = [join(tls, 'site.pem'), join(tls, 'site.key'), join(folder, 'nginx.conf')];
  writeFileSync(cert, pair.chainPem, { mode: 0o644 });
  writeFileSync(key, pair.keyPem, { mode: 0o600 });
  const [port, httpPort] = [await freePort(), await freePort()];
  const configure = (lines: string): void => {
    writeFileSync(conf, configuration({ folder, temporary, webroot, cert, key, port, httpPort, lines }));
  };
  configure('');
  const args = ['-q', '-e', join(folder, 'error.log'), '-p', folder, '-c', conf];
  const child = spawn(program, [...args, '-g', 'daemon off;'], { stdio: 'ignore' });
  const exited = once(child, 'exit');
  try {
    await listening(port, child);
  } catch (error) {
    child.kill();
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  return {
    folder,
    cert,
    key,
    port,
    httpPort,
    webroot,
    endpoint: `127.0.0.1:${port}`,
    validate: [program, ...args, '-t'],
    reload: [program, ...args, '-s', 'reload'],
    served: async (name) => {
      // While those workers end that a reload retires, either answers.
      await untilWorkers(child.pid ?? 0, 1);
      return servedFingerprint(port, name);
    },
    status: async (name) => {
      const asked = request({ host: '127.0.0.1', port: httpPort, headers: { host: name }, agent: false }).end();
      const [response] = (await once(asked, 'response')) as [IncomingMessage];
      response.resume();
      return response.statusCode ?? 0;
    },
    configure,
    stop: async () => {
      // The master ends its workers with itself.
      child.kill('SIGTERM');
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function configuration(
  given: Record<'folder' | 'temporary' | 'webroot' | 'cert' | 'key' | 'lines', string> &
    Record<'port' | 'httpPort', number>,
): string {
  const { folder, temporary, webroot, cert, key, port, httpPort, lines } = given;
  const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${temporary}/${name};`,
  );
  return `${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
pid ${folder}/nginx.pid;
events {}
http {
  access_log off;
  ${places.join('\n  ')}
  server { listen 127.0.0.1:${httpPort}; root ${webroot}; }
  server { listen 127.0.0.1:${port} ssl; ssl_certificate ${cert}; ssl_certificate_key ${key}; return 204; }
  ${lines}
}
`;
}

/** Until the child accepts connections there. */
export async function listening(port: number, child: ChildProcess): Promise<void> {
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`it ended with ${child.exitCode ?? child.signalCode}`);
    const socket = connect(port, '127.0.0.1');
    const open = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => {
        resolve(true);
      });
      socket.once('error', () => {
        resolve(false);
      });
    });
    socket.destroy();
    if (open) return;
    await pause(20);
  }
}

/** Until nginx has so many workers. */
export async function untilWorkers(master: number, count: number): Promise<void> {
  const children = (): string[] =>
    readFileSync(`/proc/${master}/task/${master}/children`, 'utf8').split(' ').filter(Boolean);
  while (children().length !== count) await pause(10);
}

async function servedFingerprint(port: number, servername: string): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connectTls({ port, host: '127.0.0.1', servername, checkServerIdentity: () => undefined });
    let seen: string | null = null;
    socket.prependListener('secure', () => {
      seen = socket.getPeerX509Certificate()?.fingerprint256.replaceAll(':', '').toLowerCase() ?? null;
    });
    const end = (): void => {
      socket.destroy();
      resolve(seen);
    };
    socket.once('secureConnect', end).once('error', end).once('close', end);
  });
}

/** Whether certificate and key that lie there belong together, by openssl. */
export function belongTogether(cert: string, key: string): boolean {
  const of = (...args: string[]): string =>
    execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return of('x509', '-in', cert, '-noout', '-pubkey') === of('pkey', '-in', key, '-pubout');
}
