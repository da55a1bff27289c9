/** The certificate that a renewal is about, where it is called by one of its further names. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CertificateSettings } from '../../config/certificates.ts';
import type { ProcedureContext } from '../define.ts';
import { certbotLineages } from './care.ts';
import { alternativeNames } from './names.ts';
import { lineageOf, sameDomain } from './pair.ts';

/** The domain by which the certificate is known that holds `domain`; `domain` itself when there is none, or one of its own. */
export async function holderOf(domain: string, { config: { certificates }, print }: ProcedureContext): Promise<string> {
  const name = domain.toLowerCase();
  const own = [...certificates.renew, ...certificates.deploy].some((one) => sameDomain(one.domain, domain));
  const lineages = certificates.renew_command === undefined ? await certbotLineages(certificates) : [];
  if (own || lineages.includes(lineageOf(domain))) return domain;
  const configured = certificates.renew.find(({ names }) => names.some((one) => one.toLowerCase() === name));
  const holder = configured?.domain ?? (await lineageWith(name, lineages, certificates));
  if (holder === null) return domain;
  print(`${domain} is held by the certificate of ${holder}.`);
  return holder;
}

async function lineageWith(
  name: string,
  lineages: readonly string[],
  { certbot }: CertificateSettings,
): Promise<string | null> {
  for (const lineage of lineages) {
    if ((await namesIn(join(certbot.config_dir, 'live', lineage, 'cert.pem'))).includes(name)) return lineage;
  }
  return null;
}

/** None where the file is missing or is no certificate: what is wrong with it is told of its own renewal. */
async function namesIn(file: string): Promise<readonly string[]> {
  try {
    return alternativeNames(new X509Certificate(await readFile(file)));
  } catch {
    return [];
  }
}
