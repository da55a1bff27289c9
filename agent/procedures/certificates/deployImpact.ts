/** What a deployment does to the host, for the person who is about to start it. */
import type { CertificateSettings } from '../../config/certificates.ts';
import { sameDomain } from './pair.ts';

export function deployImpact(domain: string | undefined, settings: Pick<CertificateSettings, 'deploy'>): string {
  const targets = targetsOf(domain, settings);
  if (targets.length === 0) return 'Nothing: certificates.deploy names no such target.';
  const reloads = new Set(targets.flatMap(({ reload }) => (reload === undefined ? [] : [`“${reload.join(' ')}”`])));
  const files = targets.flatMap(({ to }) => Object.values(to).filter((path) => path !== undefined));
  const reloaded =
    reloads.size === 0 ? 'No service is reloaded.' : `Services are reloaded by ${[...reloads].join(', ')}.`;
  return `Certificates that differ replace ${files.join(', ')}. ${reloaded} Where one is refused or not served afterwards, the pair before is put back.`;
}

/** All of them without a domain. */
export function targetsOf(
  domain: string | undefined,
  { deploy }: Pick<CertificateSettings, 'deploy'>,
): CertificateSettings['deploy'] {
  return deploy.filter((target) => domain === undefined || sameDomain(target.domain, domain));
}
