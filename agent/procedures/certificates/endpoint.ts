/** One endpoint, looked at and analysed. */
import type { SecureContext } from 'node:tls';
import { type Endpoint, endpointName } from '../../config/endpoints.ts';
import { type Analysis, analyse, type Problem, unusable, withProblem, type Yardstick } from './analyse.ts';
import { look } from './look.ts';
import { servedDiffers, type OnDisk } from './served.ts';

export interface EndpointCheck extends Yardstick {
  readonly secureContext: SecureContext;
  /** Milliseconds for each endpoint. */
  readonly timeout: number;
  readonly signal: AbortSignal;
  /** Name to ask for and to be shown, instead of the endpoint's own. */
  readonly host: string | null;
  readonly onDisk: readonly OnDisk[];
}

export async function checkEndpoint(endpoint: Endpoint, check: EndpointCheck): Promise<Analysis> {
  const source = endpointName(endpoint);
  const name = check.host ?? endpoint.host;
  const seen = await look(endpoint, { ...check, name });
  if (seen.kind === 'nothing') {
    const message = `Nothing could be seen at ${source}: ${seen.message}; ${seen.advice ?? usualAdvice}.`;
    return unusable(source, 'unreadable', { aspect: 'source', reason: null, level: 'critical', message });
  }
  const { certificates } = seen;
  const analysis = analyse(
    { source, kind: 'endpoint', certificates, orderMatters: true, beside: [], key: { kind: 'none' }, host: name },
    check,
  );
  const { names } = analysis.certificate;
  const further = [
    distrusted(source, seen.distrust, analysis),
    servedDiffers(source, name, certificates[0], names, check.onDisk),
  ];
  return further.reduce<Analysis>((so, problem) => (problem === null ? so : withProblem(so, problem)), analysis);
}

const usualAdvice = 'see to it that the service answers, or correct the endpoint (certificates.endpoints, --domain)';

/** What the platform refuses though the analysis found nothing: it also checks constraints, purposes and revocation lists. */
function distrusted(source: string, code: string | null, analysis: Analysis): Problem | null {
  const known = analysis.problems.some(({ aspect }) => ['expiry', 'chain', 'strength'].includes(aspect));
  const explained = known && analysis.certificate.status !== 'expiring';
  if (code === null || explained) return null;
  const message = `The chain at ${source} is refused by TLS (${code}); look at it with openssl s_client -connect and have it issued again.`;
  return { aspect: 'chain', reason: 'chain_incomplete', level: 'critical', message };
}
