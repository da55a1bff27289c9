import type { Finding } from '../../protocol/nouns.ts';
import type { Analysis } from './analyse.ts';

/** One finding for each problem; `certificates.expiry`, `certificates.chain` and so on, with the source as subject. */
export function findingsOf(analysis: Analysis): Finding[] {
  const { certificate, problems } = analysis;
  const domain = certificate.names.find((name) => !/^[\d.]+$|:/.test(name));
  const remedy =
    domain === undefined || certificate.status === 'not_yet_valid'
      ? {}
      : {
          // A renewed certificate does nothing where it is not deployed; without a target of its own that is nothing to do.
          remedy: {
            procedure: 'renew-certificate',
            options: { domain, deploy: true },
            title: `Renew the certificate of ${domain}`,
          },
        };
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
      ...(renewable.has(aspect) ? remedy : {}),
    }));
}

/** What a new certificate from the same authority puts right. */
const renewable: ReadonlySet<string> = new Set(['expiry', 'strength']);
