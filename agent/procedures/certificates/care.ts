/** Which certificates this host renews and deploys, by the domains under which it does. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { domainName, type CertificateSettings } from '../../config/certificates.ts';
import type { Certificate } from '../../protocol/nouns.ts';
import { sameDomain } from './pair.ts';

/** The certificates with what looks after each. */
export async function withCare(
  certificates: readonly Certificate[],
  settings: CertificateSettings,
): Promise<Certificate[]> {
  const renewed = await renewedDomains(settings);
  const deployed = settings.deploy.map(({ domain }) => domain);
  return certificates.map((certificate) => ({
    ...certificate,
    renewedAs: domainAmong(certificate, renewed),
    deployedAs: domainAmong(certificate, deployed),
  }));
}

/** What `renew-certificate` renews: of the configuration; when that names none, what certbot looks after. */
export async function renewedDomains(settings: CertificateSettings): Promise<string[]> {
  const configured = [...settings.renew, ...settings.deploy].map(({ domain }) => domain);
  if (configured.length > 0 || settings.renew_command !== undefined) return [...new Set(configured)];
  return certbotLineages(settings);
}

/** Names by which certbot keeps certificates. */
export async function certbotLineages({ certbot }: CertificateSettings): Promise<string[]> {
  const names = await readdir(join(certbot.config_dir, 'renewal')).catch(() => []);
  return names
    .filter((name) => name.endsWith('.conf'))
    .map((name) => name.slice(0, -'.conf'.length))
    .filter((name) => domainName.safeParse(name).success)
    .sort();
}

function domainAmong({ names }: Certificate, domains: readonly string[]): string | null {
  return domains.find((domain) => names.some((name) => sameDomain(name, domain))) ?? null;
}
