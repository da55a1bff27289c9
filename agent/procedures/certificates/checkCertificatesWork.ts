/**
 * The work of `check-certificates`. Outcome: `unchanged` when all is well; `warning` when anything is wrong, be it critical, or when there
 * is nothing to check; `failed` only when not one source could be read, so that nothing is known.
 */
import { resolve } from 'node:path';
import * as z from 'zod';
import { type Endpoint, endpointName, parseEndpoint } from '../../config/endpoints.ts';
import { certificate, type Finding } from '../../protocol/nouns.ts';
import { outcomeOf, type ProcedureContext } from '../define.ts';
import type { Analysis } from './analyse.ts';
import { authoritiesOf } from './authorities.ts';
import { withCare } from './care.ts';
import { checkAll } from './check.ts';
import type { CheckCertificatesOptions } from './checkCertificates.ts';
import { defaultPlaces } from './defaultPlaces.ts';
import { obstacleTo } from './obstacle.ts';
import { createPace, type Pace } from './pace.ts';
import { learntNothing, report } from './report.ts';
import { summaryLine } from './text.ts';

export const part = z.object({ certificates: z.array(certificate) });

export async function run(given: CheckCertificatesOptions, context: ProcedureContext) {
  const pace = createPace(context.signal);
  const sources = await sourcesOf(given, context, pace);
  const analyses = await checkAll(
    {
      ...sources,
      host: given.host ?? null,
      authorities: await authoritiesOf(given.ca, context),
      password: context.config.certificates.password,
      warnDays: given.warnDays,
      timeout: context.config.certificates.timeout,
      now: context.now(),
      signal: context.signal,
      env: context.env,
      onProgress: throttled(context),
    },
    pace,
  );
  return reported(analyses, sources.findings, context, pace);
}

interface Sources {
  readonly paths: readonly string[];
  readonly comparedPaths: readonly string[];
  readonly endpoints: readonly Endpoint[];
  /** What is wrong with the places themselves. */
  readonly findings: readonly Finding[];
}

async function sourcesOf(given: CheckCertificatesOptions, context: ProcedureContext, pace: Pace): Promise<Sources> {
  const configured = context.config.certificates;
  if (given.path !== undefined || given.domain !== undefined) {
    return {
      paths: (given.path ?? []).map((path) => resolve(path)),
      comparedPaths: given.path === undefined ? configured.paths : [],
      endpoints: endpointsOf(given.domain ?? []),
      findings: [],
    };
  }
  if (configured.paths.length > 0 || configured.endpoints.length > 0) {
    return { paths: configured.paths, comparedPaths: [], endpoints: endpointsOf(configured.endpoints), findings: [] };
  }
  const places = await defaultPlaces('/', pace);
  const findings = places.closed.map((folder) => ({
    level: 'warning' as const,
    code: 'certificates.source',
    subject: folder,
    message: `The folder ${folder} may hold certificates, but ${obstacleTo(folder) ?? 'they can not be listed'}; give that user access, or list the certificates in certificates.paths.`,
  }));
  return { paths: places.paths, comparedPaths: [], endpoints: [], findings };
}

/** Each once, however it is written. */
function endpointsOf(texts: readonly string[]): Endpoint[] {
  const endpoints = texts.map((text) => parseEndpoint(text)).filter((endpoint) => endpoint !== null);
  return [...new Map(endpoints.map((endpoint) => [endpointName(endpoint), endpoint])).values()];
}

async function reported(
  analyses: readonly Analysis[],
  about: readonly Finding[],
  context: ProcedureContext,
  pace: Pace,
) {
  const certificates = analyses.map((analysis) => analysis.certificate);
  const findings = [...about, ...(analyses.length === 0 ? [nothingToCheck] : [])];
  findings.forEach(context.finding);
  findings.push(...(await report(analyses, context, pace)));
  if (certificates.length > 0) context.print(summaryLine(certificates));
  return {
    outcome: learntNothing(certificates) ? ('failed' as const) : outcomeOf(findings, 'unchanged'),
    part: { certificates: await withCare(certificates, context.config.certificates) },
  };
}

const nothingToCheck: Finding = {
  level: 'warning',
  code: 'certificates.source',
  subject: 'certificates',
  message:
    'There is no certificate to check; list files in certificates.paths or HOST:PORT in certificates.endpoints of maintenance.yaml.',
};

/** One report a second: a check that is over before needs none. */
function throttled(context: ProcedureContext): (done: number, total: number) => void {
  let last = performance.now();
  return (done, total) => {
    if (performance.now() - last < 1000) return;
    last = performance.now();
    context.progress({ done, total, unit: 'certificates' });
  };
}
