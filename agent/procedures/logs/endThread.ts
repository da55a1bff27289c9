/** The end of a thread, which may be in the kernel or in a library and not come back. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';

/** A thread that is told to end goes within milliseconds, or is stuck. */
const endMs = 2000;

/**
 * Resolves when the thread has ended, or has not within two seconds. The program would then wait for it at its exit, where every thread is
 * joined: it is ended by KILL there, when all is said and done.
 */
export async function endThread(worker: Worker): Promise<void> {
  const late = new AbortController();
  const gone = worker.terminate().then(() => {
    late.abort();
    process.off('exit', endAtOnce);
  });
  await Promise.race([gone, sleep(endMs, null, { signal: late.signal }).catch(() => null)]);
  if (!late.signal.aborted) process.once('exit', endAtOnce);
}

function endAtOnce(): void {
  process.kill(process.pid, 'SIGKILL');
}
