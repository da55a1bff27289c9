import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import { join } from 'node:path';
import { createAuthority, issue, type Issued } from '../procedures/certificates/authority.ts';
import type { sandbox } from './paths.ts';

const day = 86_400_000;

/** HTTPS services on loopback, each with a certificate of another age. */
export const services = [
  { name: 'shop', names: ['shop.example.test', 'localhost', '127.0.0.1'], daysLeft: 90, lifetime: 180 },
  { name: 'api', names: ['api.example.test', 'localhost', '127.0.0.1'], daysLeft: 20, lifetime: 90 },
  { name: 'mail', names: ['mail.example.test', 'localhost', '127.0.0.1'], daysLeft: 3, lifetime: 90 },
  { name: 'legacy', names: ['legacy.example.test', 'localhost', '127.0.0.1'], daysLeft: -2, lifetime: 90 },
  // Served where nobody asks for its name: the host does not match.
  { name: 'partner', names: ['partner.example.test'], daysLeft: 60, lifetime: 90 },
] as const;
export type ServiceName = (typeof services)[number]['name'];

export interface Services {
  readonly stop: () => Promise<void>;
}

/** The service whose certificate the sandbox can renew and deploy. */
export const renewable = services[1];

/**
 * Issues the certificates anew (their ages count from now), keeps them as NAME/fullchain.pem and NAME/privkey.pem beside ca.pem,
 * and serves each on its port; on SIGUSR2 they are read anew. While the flag file is there, the services answer 503.
 */
export async function startServices(
  places: Pick<typeof sandbox, 'certificates' | 'authority' | 'renewed' | 'servicesPid' | 'flagFile'>,
  ports: Readonly<Record<ServiceName, number>>,
): Promise<Services> {
  const { certificates: folder, flagFile } = places;
  const root = await createAuthority({ name: 'Sandbox Root CA' });
  const authority = await createAuthority({ name: 'Sandbox Issuing CA', issuer: root });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'ca.pem'), root.certPem);
  writeFileSync(places.authority, JSON.stringify(authority), { mode: 0o600 });
  const servers: { readonly folder: string; readonly server: Server }[] = [];
  for (const service of services) {
    const notAfter = new Date(Date.now() + service.daysLeft * day + day / 2);
    const notBefore = new Date(notAfter.getTime() - service.lifetime * day);
    const issued = await issue(authority, { names: service.names, notBefore, notAfter });
    const own = join(folder, service.name);
    keep(own, issued);
    if (service === renewable) keep(join(places.renewed, service.names[0]), issued);
    servers.push({ folder: own, server: await serve(service.name, issued, flagFile, ports[service.name]) });
  }
  const reload = (): void => {
    for (const each of servers) each.server.setSecureContext(pairIn(each.folder));
  };
  process.on('SIGUSR2', reload);
  writeFileSync(places.servicesPid, `${process.pid}\n`);
  return {
    stop: async () => {
      rmSync(places.servicesPid, { force: true });
      process.off('SIGUSR2', reload);
      await Promise.all(
        servers.map(({ server }) => {
          server.closeAllConnections();
          return new Promise((resolve) => server.close(resolve));
        }),
      );
    },
  };
}

function pairIn(folder: string): { readonly cert: string; readonly key: string } {
  return {
    cert: readFileSync(join(folder, 'fullchain.pem'), 'utf8'),
    key: readFileSync(join(folder, 'privkey.pem'), 'utf8'),
  };
}

function keep(folder: string, issued: Issued): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'fullchain.pem'), issued.chainPem);
  writeFileSync(join(folder, 'privkey.pem'), issued.keyPem, { mode: 0o600 });
}

function serve(name: string, issued: Issued, flagFile: string, port: number): Promise<Server> {
  const server = createServer({ cert: issued.chainPem, key: issued.keyPem }, (request, response) => {
    const maintenance = existsSync(flagFile);
    response.writeHead(maintenance ? 503 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ service: name, path: request.url, status: maintenance ? 'maintenance' : 'ok' }));
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      resolve(server);
    });
  });
}
