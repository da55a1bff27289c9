/** One HTTP request as a probe: status, text of the answer, and time until the whole answer is there. */
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import { rootCertificates } from 'node:tls';
import { guardedLookup, refuseTarget } from '../../outbound.ts';
import type { Probe } from './services.ts';

export interface HttpExpectation {
  readonly status: number;
  readonly body?: string | undefined;
  /** PEM file of further authorities. */
  readonly ca?: string | undefined;
}

/** Text beyond this is not searched. */
const bodyLimit = 1 << 20;

/** A redirect is an answer like any other: it is not followed. */
export async function probeHttp(address: string, expected: HttpExpectation, signal: AbortSignal): Promise<Probe> {
  const url = new URL(address);
  refuseTarget(url);
  const extra = expected.ca === undefined ? {} : { ca: [...rootCertificates, await readFile(expected.ca, 'utf8')] };
  const started = performance.now();
  const answer = await request(url, extra, signal);
  const latencyMs = Math.round(performance.now() - started);
  const shown = `${url.origin}${url.pathname}`;
  if (answer.status !== expected.status) {
    return { problem: `${shown} answers with status ${answer.status} instead of ${expected.status}`, latencyMs };
  }
  if (expected.body !== undefined && !answer.body.includes(expected.body)) {
    return { problem: `${shown} answers without the text ${JSON.stringify(expected.body)}`, latencyMs };
  }
  return { problem: null, latencyMs };
}

function request(
  url: URL,
  options: https.RequestOptions,
  signal: AbortSignal,
): Promise<{ status: number; body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
  const send = url.protocol === 'https:' ? https.request : http.request;
  const headers = { 'user-agent': 'upkeep', accept: '*/*', 'accept-encoding': 'identity', connection: 'close' };
  const outgoing = send(url, { ...options, headers, signal, lookup: guardedLookup(), agent: false }, (response) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const done = () => {
      resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') });
    };
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes < bodyLimit) return;
      done();
      response.destroy();
    });
    response.on('end', done);
    response.on('error', reject);
  });
  outgoing.on('error', reject);
  outgoing.end();
  return promise;
}
