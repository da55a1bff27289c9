/** An ACME server in front of another one, which refuses every order as an authority does whose limit is reached (RFC 8555, 6.6). */
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { getText, type Acme } from './acme.ts';
import { createAuthority, issue } from './authority.ts';
import { valid } from './harness.ts';

export interface LimitedAcme {
  /** Settings of certbot for it. */
  readonly certbot: Readonly<Record<string, string>>;
  readonly stop: () => void;
}

/** `detail`: what it says. The file `serverCa` is written. */
export async function startLimitedAcme(behind: Acme, detail: string, serverCa: string): Promise<LimitedAcme> {
  const authority = await createAuthority({ name: 'Test Authority of the Limited Server' });
  const { chainPem: cert, keyPem: key } = await issue(authority, { names: ['127.0.0.1'], ...valid });
  const ca = readFileSync(behind.serverCa, 'utf8');
  writeFileSync(serverCa, authority.certPem + ca);
  const server = createServer({ cert, key }, (request, response) => {
    if (request.url !== '/dir') {
      response.writeHead(429, { 'content-type': 'application/problem+json', 'replay-nonce': 'bm9uY2U' });
      response.end(JSON.stringify({ type: 'urn:ietf:params:acme:error:rateLimited', detail, status: 429 }));
      return;
    }
    void getText(behind.server, ca).then((text) => {
      const directory = JSON.parse(text) as Record<string, unknown>;
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ ...directory, newOrder: `${own()}/order` }));
    });
  }).listen(0, '127.0.0.1');
  const own = (): string => {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return `https://127.0.0.1:${address.port}`;
  };
  await once(server, 'listening');
  return {
    certbot: { ...behind.certbot, server: `${own()}/dir`, server_ca: serverCa },
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
