/** Steps of work on a database, counted: by one session in order, or by two that take turns. */
import { connectWorker, type DatabaseRun } from './run.ts';

export interface Step {
  /** What is being done: `VACUUM public.orders`. */
  readonly message: string;
  readonly work: (run: DatabaseRun) => Promise<unknown>;
}

export interface StepOptions {
  readonly unit?: string;
  /** Sessions that work: 1, or 2 for steps that do not depend on each other. */
  readonly jobs?: number;
}

/**
 * Carries the steps out and tells progress before each (what is being done) and after the last, with the time that is left by
 * the pace so far. The first step that throws ends the others; its error is thrown.
 */
export async function carryOutSteps(
  run: DatabaseRun,
  steps: readonly Step[],
  options: StepOptions = {},
): Promise<void> {
  const { unit = 'tables', jobs = 1 } = options;
  const { context } = run;
  const total = steps.length;
  const start = performance.now();
  let next = 0;
  let done = 0;
  const tell = (message: string): void => {
    context.progress({ done, total, unit, message, ...eta(start, done, total) });
  };
  const workOff = async (worker: DatabaseRun): Promise<void> => {
    for (let step = steps[next++]; step !== undefined; step = steps[next++]) {
      context.signal.throwIfAborted();
      const { message } = step;
      tell(message);
      const detail = (text: string): void => {
        tell(`${message}: ${text}`);
      };
      // Two that work are two connections already: nobody looks on then.
      await step.work(jobs < 2 ? { ...worker, detail } : worker);
      done++;
      if (done === total) context.progress({ done, total, unit, message });
    }
  };
  if (jobs < 2 || total < 2) return workOff(run);
  const second = await connectWorker(run);
  try {
    const ends = await Promise.allSettled(
      [run, second].map((worker) =>
        workOff(worker).catch((error: unknown) => {
          next = total;
          throw error;
        }),
      ),
    );
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  } finally {
    await second.session.close();
  }
}

function eta(start: number, done: number, total: number): { etaSeconds?: number } {
  if (done === 0) return {};
  return { etaSeconds: Math.round(((performance.now() - start) / 1000 / done) * (total - done)) };
}
