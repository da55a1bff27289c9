/** Posts JSON to a configured URL. Redirects are not followed: the URL itself is often the secret. */
import http from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import { guardedLookup, refuseTarget } from '../../outbound.ts';

export interface PostOptions {
  /** Until the status is there. */
  readonly timeoutMs?: number;
  readonly lookup?: LookupFunction;
}

/** Throws when the receiver does not answer with a 2xx status in time; the message never holds the URL. Of the answer only the status is read. */
export async function postJson(url: string, body: unknown, options: PostOptions = {}): Promise<void> {
  const { timeoutMs = 10_000, lookup = guardedLookup() } = options;
  const target = new URL(url);
  const status = await post(target, JSON.stringify(body), { timeoutMs, lookup }).catch((error: unknown) => {
    const cause = error instanceof Error ? error.message : 'no answer';
    throw new Error(`the receiver could not be reached: ${cause}`, { cause: error });
  });
  if (status >= 300 && status < 400) {
    throw new Error(`the receiver answered ${status}: redirects are not followed, so correct the URL`);
  }
  if (status < 200 || status >= 300) throw new Error(`the receiver answered ${status}`);
}

async function post(target: URL, text: string, { timeoutMs, lookup }: Required<PostOptions>): Promise<number> {
  refuseTarget(target);
  const signal = AbortSignal.timeout(timeoutMs);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
  const send = target.protocol === 'https:' ? https.request : http.request;
  const outgoing = send(target, { method: 'POST', headers, lookup, signal, agent: false }, (response) => {
    resolve(response.statusCode ?? 0);
    response.destroy();
  });
  outgoing.on('error', (error) => {
    reject(signal.aborted ? new Error(`no answer within ${timeoutMs / 1000} s`) : error);
  });
  outgoing.end(text);
  return promise;
}
