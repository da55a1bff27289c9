/** Whether a service serves a certificate by now: a reload returns before the service has done it. */
import type { SecureContext } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Endpoint, endpointName } from '../../config/endpoints.ts';
import { fingerprintOf } from './analyse.ts';
import { look } from './look.ts';
import { day } from './problems.ts';

export interface ServedCheck {
  readonly endpoint: Endpoint;
  /** Name for SNI. */
  readonly name: string;
  /** SHA-256 of the certificate that is to be served. */
  readonly fingerprint: string;
  /** Longest time until then, ms; 0 = look once. */
  readonly within: number;
  /** Longest time of one look, ms. */
  readonly timeout: number;
  readonly secureContext: SecureContext;
  readonly signal: AbortSignal;
}

const pauses = { first: 50, longest: 1000 } as const;

/** nginx lets its old workers accept for 100 ms beside the new ones (ngx_master_process_cycle), others for a moment as well. */
const steady = 250;

/** Null once it is served and stays so; else the end of a sentence. */
export async function waitUntilServed(check: ServedCheck): Promise<string | null> {
  const { endpoint, fingerprint, within, signal } = check;
  const deadline = performance.now() + within;
  const where = endpointName(endpoint);
  let since: number | null = null;
  for (let pause: number = pauses.first; ; pause = Math.min(pause * 2, pauses.longest)) {
    const seen = await look(endpoint, check);
    let problem;
    if (seen.kind === 'nothing') problem = `nothing could be seen at ${where}: ${seen.message}`;
    else if (fingerprintOf(seen.certificates[0]) === fingerprint) {
      since ??= performance.now();
      if (within === 0 || performance.now() - since >= steady) return null;
      pause = pauses.first;
    } else {
      problem = `${where} serves another certificate, which ends on ${day(seen.certificates[0].validToDate)}`;
    }
    if (problem !== undefined) {
      since = null;
      if (performance.now() >= deadline) return problem;
    }
    await sleep(pause, undefined, { signal }).catch(() => {
      signal.throwIfAborted();
    });
  }
}
