/**
 * Stands in for an authority on the internet: issues a certificate of the sandbox's own authority for one of its services. The
 * agent calls it as `certificates.renew_command`. Usage: node renewal.ts FOLDER AUTHORITY DOMAIN
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { issue } from '../procedures/certificates/authority.ts';
import { services } from './services.ts';

const day = 86_400_000;

const [folder, authorityFile, domain] = process.argv.slice(2);
if (folder === undefined || authorityFile === undefined || domain === undefined)
  throw new Error('Usage: renewal.ts FOLDER AUTHORITY DOMAIN');
const service = services.find(({ names }) => names[0] === domain);
if (service === undefined) throw new Error(`The sandbox has no service ${domain}.`);

const authority = z
  .object({ name: z.string(), certPem: z.string(), keyPem: z.string(), chainPem: z.string() })
  .parse(JSON.parse(readFileSync(authorityFile, 'utf8')));
const notBefore = new Date(Date.now() - day / 24);
const notAfter = new Date(notBefore.getTime() + service.lifetime * day);
const issued = await issue(authority, { names: service.names, notBefore, notAfter });
mkdirSync(join(folder, domain), { recursive: true });
writeFileSync(join(folder, domain, 'privkey.pem'), issued.keyPem, { mode: 0o600 });
writeFileSync(join(folder, domain, 'fullchain.pem'), issued.chainPem);
