/** Does HOST:PORT accept a connection? */
import { once } from 'node:events';
import net from 'node:net';
import { guardedLookup, refuseHost } from '../../outbound.ts';
import type { Probe } from './services.ts';

export async function probeTcp(address: string, signal: AbortSignal): Promise<Probe> {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  const port = Number(address.slice(colon + 1));
  if (port < 1 || port > 65_535) return { problem: `${address} has no valid port`, latencyMs: null };
  refuseHost(host);
  const started = performance.now();
  const socket = net.connect({ host, port, lookup: guardedLookup() });
  try {
    await once(socket, 'connect', { signal });
    return { problem: null, latencyMs: Math.round(performance.now() - started) };
  } finally {
    socket.destroy();
  }
}
