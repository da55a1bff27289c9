/** A host as a source of output. */
import type { Hosts } from '../state/hosts.ts';
import type { Host } from '../state/host.ts';
import type { OutputSource } from './followOutput.ts';

/** Bytes per answer: even as the longest JSON escapes they stay below the largest message. */
const pieceBytes = 128 * 1024;

/** Null when there is no host of that name; one that is being defined right now is found at the next look. */
export function outputSource(hosts: Hosts, name: string): OutputSource | null {
  const host = hosts.get(name);
  if (host === undefined) return null;
  return {
    read: (runId, offset, signal) =>
      host.client.request('runs.output', { runId, offset, limit: pieceBytes, wait: true }, { signal, timeoutMs: null }),
    describe: (runId, signal) => host.client.request('runs.get', { runId }, { signal }),
    online: (signal) => untilOnline(host, signal),
  };
}

function untilOnline(host: Host, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const { client } = host;
    if (client.state.kind === 'online') {
      resolve();
      return;
    }
    const end = client.onDidChange((state) => {
      if (state.kind !== 'online') return;
      end();
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    const onAbort = (): void => {
      end();
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}
