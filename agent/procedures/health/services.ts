/** Availability and response time of the services in `health.services`. */
import type { Config } from '../../config/schema.ts';
import type { Finding } from '../../protocol/nouns.ts';
import { codeOf } from '../../thrown.ts';
import { clauseOf } from './check.ts';
import type { HealthCheck } from './check.ts';
import { probeHttp } from './probeHttp.ts';
import { probeContainer, probeProcess, probeUnit } from './probeLocal.ts';
import { probeTcp } from './probeTcp.ts';

export type Service = Config['health']['services'][number];

/** What one probe saw; it throws when it could not look, or found nobody to talk to. */
export interface Probe {
  /** Why the service is not available; null = it is. */
  readonly problem: string | null;
  /** Until the answer was there; null where nothing is asked over the wire. */
  readonly latencyMs: number | null;
}

export interface ServiceState {
  readonly name: string;
  readonly available: boolean;
  readonly latencyMs: number | null;
}

export function serviceCheck(service: Service): HealthCheck<ServiceState> {
  return {
    code: 'service.availability',
    subject: service.name,
    // The probes keep the service's own time; this is the net below them.
    timeoutMs: service.timeout + 2_000,
    run: async (signal) => {
      const outcomes = await Promise.all(probesOf(service).map((probe) => attempt(probe, service.timeout, signal)));
      const latencies = outcomes.map(({ latencyMs }) => latencyMs).filter((latency) => latency !== null);
      const state = {
        name: service.name,
        available: outcomes.every(({ problem, unknown }) => problem === null && !unknown),
        latencyMs: latencies.length === 0 ? null : Math.max(...latencies),
      };
      return { findings: serviceFindings(service, outcomes, state), measured: state };
    },
  };
}

interface Attempt extends Probe {
  /** True when the problem is that nobody could look (a missing tool), not that the service is down. */
  readonly unknown: boolean;
}

interface NamedProbe {
  readonly target: string;
  readonly local: boolean;
  readonly run: (signal: AbortSignal) => Promise<Probe>;
}

function probesOf(service: Service): readonly NamedProbe[] {
  const { http, tcp, unit, process, container } = service;
  const probes: NamedProbe[] = [];
  if (http !== undefined)
    probes.push({ target: http, local: false, run: (signal) => probeHttp(http, service, signal) });
  if (tcp !== undefined) probes.push({ target: tcp, local: false, run: (signal) => probeTcp(tcp, signal) });
  if (unit !== undefined) probes.push({ target: unit, local: true, run: (signal) => probeUnit(unit, signal) });
  if (process !== undefined)
    probes.push({ target: process, local: true, run: (signal) => probeProcess(process, signal) });
  if (container !== undefined) {
    probes.push({ target: container, local: true, run: (signal) => probeContainer(container, signal) });
  }
  return probes;
}

async function attempt(probe: NamedProbe, timeout: number, signal: AbortSignal): Promise<Attempt> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeout)]);
  try {
    return { ...(await probe.run(limit)), unknown: false };
  } catch (error) {
    signal.throwIfAborted();
    const why = limit.aborted ? `no answer within ${timeout / 1000} s` : connectionProblem(error);
    return { problem: `${withoutSecrets(probe.target)}: ${why}`, latencyMs: null, unknown: probe.local };
  }
}

function serviceFindings(service: Service, outcomes: readonly Attempt[], state: ServiceState): readonly Finding[] {
  const base = { code: 'service.availability', subject: service.name };
  if (outcomes.length === 0) {
    const message = `${service.name} names nothing to check; give it http, tcp, unit, process or container.`;
    return [{ ...base, level: 'warning', message }];
  }
  const problems = outcomes.filter(({ problem }) => problem !== null);
  const down = problems.filter(({ unknown }) => !unknown);
  const findings: Finding[] = [
    problems.length === 0
      ? { ...base, level: 'ok', message: `${service.name} is available.`, value: 1, threshold: 1, unit: 'available' }
      : {
          ...base,
          level: down.length > 0 ? 'critical' : 'warning',
          message: `${service.name} is ${down.length > 0 ? 'not available' : 'not known to be available'}: ${problems
            .map(({ problem }) => problem)
            .join('; ')}.`,
          value: 0,
          threshold: 1,
          unit: 'available',
        },
  ];
  if (state.latencyMs !== null) findings.push(latencyFinding(service, state.latencyMs));
  return findings;
}

function latencyFinding(service: Service, latencyMs: number): Finding {
  const limit = service.max_latency;
  const slow = limit !== undefined && latencyMs > limit;
  return {
    level: slow ? 'warning' : 'ok',
    code: 'service.latency',
    subject: service.name,
    message: `${service.name} answered in ${latencyMs} ms${slow ? `, more than its limit of ${limit} ms; look into its load and what it waits for.` : '.'}`,
    value: latencyMs,
    ...(limit === undefined ? {} : { threshold: limit }),
    unit: 'ms',
  };
}

const connectionProblems: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection is refused, nothing listens there',
  ECONNRESET: 'the connection was cut before an answer',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the name server does not answer',
  EHOSTUNREACH: 'there is no route to the host',
  ENETUNREACH: 'there is no route to the network',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed; name its authority in `ca`',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate comes from an authority that is not trusted; name that in `ca`',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate comes from an authority that is not trusted; name that in `ca`',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate comes from an authority that is not trusted; name that in `ca`',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
};

function connectionProblem(error: unknown): string {
  // Of a name with several addresses every one was tried.
  if (error instanceof AggregateError && error.errors.length > 0) return connectionProblem(error.errors[0]);
  const code = codeOf(error);
  return connectionProblems[code] ?? clauseOf(error);
}

/** A URL may carry a password or a token in its query. */
function withoutSecrets(target: string): string {
  if (!/^https?:/.test(target)) return target;
  const url = new URL(target);
  return `${url.origin}${url.pathname}`;
}
