import type { CertificateSettings } from '../../config/certificates.ts';
import type { Certificate, Finding } from '../../protocol/nouns.ts';
import type { Analysis, Aspect } from './analyse.ts';
import { sameDomain } from './pair.ts';

/** What the configuration says of renewals and deployments. */
export type Care = Pick<CertificateSettings, 'renew' | 'deploy'>;

/** One finding for each problem; `certificates.expiry`, `certificates.chain` and so on, with the source as subject. */
export function findingsOf({ certificate, problems }: Analysis, care: Care): Finding[] {
  return problems
    .filter((problem) => problem.level !== 'ok')
    .map(({ aspect, level, message, value, threshold, unit }) => ({
      level,
      code: `certificates.${aspect}`,
      subject: certificate.source,
      message,
      ...(value === undefined ? {} : { value }),
      ...(threshold === undefined ? {} : { threshold }),
      ...(unit === undefined ? {} : { unit }),
      ...remedyOf(aspect, certificate, care),
    }));
}

/** What a new certificate from the same authority puts right. */
const renewable: ReadonlySet<Aspect> = new Set(['expiry', 'strength']);

function remedyOf(aspect: Aspect, certificate: Certificate, { renew, deploy }: Care): Pick<Finding, 'remedy'> {
  if (aspect === 'served') {
    const domain = configured(certificate, deploy);
    if (domain === undefined) return {};
    const title = `Deploy the certificate of ${domain}`;
    return { remedy: { procedure: 'deploy-certificate', options: { domain }, title } };
  }
  if (!renewable.has(aspect) || certificate.status === 'not_yet_valid') return {};
  // Any other of its names would make a second certificate beside the one that is looked after.
  const domain =
    configured(certificate, [...renew, ...deploy]) ?? certificate.names.find((name) => !/^[\d.]+$|:/.test(name));
  if (domain === undefined) return {};
  // A renewed certificate does nothing where it is not deployed; without a target of its own that is nothing to do.
  const options = { domain, deploy: true };
  return { remedy: { procedure: 'renew-certificate', options, title: `Renew the certificate of ${domain}` } };
}

function configured({ names }: Certificate, entries: readonly { readonly domain: string }[]): string | undefined {
  return entries.find(({ domain }) => names.some((name) => sameDomain(name, domain)))?.domain;
}
