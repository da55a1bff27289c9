/** logrotate opens what it has seen to be a file; when somebody has put a FIFO there since, it waits for ever. Linux, proc(5): wchan. */
import { readFileSync } from 'node:fs';

/** Ends children of this process that wait for the other end of a FIFO at two looks, a second apart. `stop` gives their number. */
export function endStuckOpens(): { readonly stop: () => number } {
  let waiting = new Set<number>();
  let ended = 0;
  const timer = setInterval(() => {
    const now = children().filter((pid) => read(`/proc/${pid}/wchan`) === 'wait_for_partner');
    for (const pid of now) {
      if (!waiting.has(pid)) continue;
      ended += 1;
      process.kill(pid, 'SIGKILL');
    }
    waiting = new Set(now);
  }, 1_000);
  return {
    stop: () => {
      clearInterval(timer);
      return ended;
    },
  };
}

function children(): readonly number[] {
  return read(`/proc/${process.pid}/task/${process.pid}/children`).split(' ').filter(Boolean).map(Number);
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return ''; // it has ended meanwhile
  }
}
