/** A second host for the journey: a real agent whose certificates are of many kinds, some with names that try to be more than text. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import {
  createAuthority,
  issue,
  selfSigned,
  type Authority,
  type Issued,
  type IssueOptions,
} from '../procedures/certificates/authority.ts';

// Not from sandbox/paths.ts: that is loaded once the journey has chosen its folder.
const program = join(import.meta.dirname, '..', '..', 'dist', 'agent.mjs');

export interface CertificateHost {
  /** `ws://127.0.0.1:PORT` */
  readonly address: string;
  /** With which one may look and do nothing else. */
  readonly viewerToken: string;
  /** Until `resume` it takes connections, and answers nothing. */
  readonly pause: () => void;
  readonly resume: () => void;
  readonly stop: () => Promise<void>;
}

const day = 86_400_000;

/** Names by which a certificate would be a link, an image, an icon, a command, or another name than it is. */
export const hostileNames = [
  '[renew](command:workbench.action.terminal.new)',
  '<img src=x onerror=alert(1)>',
  '![seal](https://evil.example.test/x.png)',
  '$(error) $(sync~spin)',
  '<a href="command:workbench.action.quit">quit</a>',
];
export const hostileSubject = '\u202Etset.elpmaxe.knab\u202C https://evil.example.test/ **bold** `code`';
const longName = `${'very-long-'.repeat(150)}name.example.test`;

export async function startCertificateHost(): Promise<CertificateHost> {
  process.env['UPKEEP_AGENT'] ??= program;
  const { AgentWorld } = await import('../integration/agentProcess.ts');
  const world = new AgentWorld();
  const server = await fillWithCertificates(join(world.folder, 'tls'));
  const { port } = server.address() as AddressInfo;
  world.write(configuration(world.folder, port));
  const agent = await world.start(['--listen', '127.0.0.1:0']);
  const made = await world.command(['token', 'create', '--role', 'viewer', '--name', 'on-call']);
  return {
    address: `ws://${agent.listen ?? ''}`,
    viewerToken: made.stdout.trim(),
    pause: () => void agent.child.kill('SIGSTOP'),
    resume: () => void agent.child.kill('SIGCONT'),
    stop: async () => {
      await world.dispose();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function configuration(folder: string, port: number): string {
  return `maintenance:
  host_name: web-02
  automated_tasks: []
  certificates:
    paths:
      - ${folder}/tls/*/fullchain.pem
      - ${folder}/tls/gone.pem
    endpoints: [localhost:${port}]
    ca: ${folder}/tls/ca.crt
    renew_command: ["true"]
    renew: [{ domain: shop.example.com }]
`;
}

/** Each in a folder of its own, as their keys are looked for beside them; serves one of them where its name is another. */
async function fillWithCertificates(folder: string): Promise<Server> {
  const root = await createAuthority({ name: 'Example Root CA' });
  const authority = await createAuthority({ name: 'Example Issuing CA', issuer: root });
  mkdirSync(folder);
  writeFileSync(join(folder, 'ca.crt'), root.certPem);
  const write = (name: string, { chainPem, keyPem }: Issued, keyMode = 0o600): void => {
    const file = join(folder, name, 'fullchain.pem');
    mkdirSync(dirname(file));
    writeFileSync(file, chainPem);
    writeFileSync(join(folder, name, 'privkey.pem'), keyPem, { mode: keyMode });
  };
  for (const [name, options] of Object.entries(kinds)) write(name, await issue(authority, options));
  write('printer', await selfSigned(aged('printer.example.com', 200, 365)));
  write('backup', await issue(authority, aged('backup.example.com', 61, 90)), 0o644);
  const partner = await issue(authority, aged('partner.example.com', 71, 90));
  write('partner', { ...partner, chainPem: partner.certPem });
  const [admin, other] = await Promise.all(
    ['admin.example.com', 'x.example.com'].map((name) => issue(authority, aged(name, 44, 90))),
  );
  if (admin !== undefined && other !== undefined) write('admin', { ...admin, keyPem: other.keyPem });
  write('broken', {
    certPem: '',
    keyPem: '',
    chainPem: '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n',
  });
  const ending = await endingAuthority(root);
  write('archive', await issue(ending, aged('archive.example.com', 80, 90)));
  const { chainPem, keyPem } = await issue(authority, aged('www.example.com', 66, 90));
  const server = createServer({ cert: chainPem, key: keyPem });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

const kinds: Readonly<Record<string, IssueOptions>> = {
  shop: aged('shop.example.com', 11, 90),
  vpn: aged('vpn.example.com', -3, 90),
  mail: { ...aged('mail.example.com', 5, 90), names: ['mail.example.com', 'smtp.example.com', 'imap.example.com'] },
  wildcard: { ...aged('*.example.com', 75, 90), names: ['*.example.com', 'example.com'] },
  camera: { ...aged('camera.example.com', 340, 365), keyType: 'rsa1024' },
  next: { ...aged('next.example.com', 95, 90) },
  hostile: { ...aged('hostile', 30, 90), commonName: hostileSubject, names: hostileNames },
  long: aged(longName, 82, 90),
};

/** Valid for `lifetime` days, of which `left` and a half are left. */
function aged(name: string, left: number, lifetime: number): IssueOptions {
  const notAfter = new Date(Date.now() + (left + 0.5) * day);
  return { names: [name], notBefore: new Date(notAfter.getTime() - lifetime * day), notAfter };
}

function endingAuthority(issuer: Authority): Promise<Authority> {
  return createAuthority({ name: 'Example Ending CA', issuer, notAfter: new Date(Date.now() + 9.5 * day) });
}
