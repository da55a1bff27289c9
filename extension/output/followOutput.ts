/** Follows the output of a run to its end, over lost connections, each byte once. */
import type { MethodResult } from '../../agent/protocol/methods.ts';
import { isAbort, messageOf, NotConnectedError } from '../client/errors.ts';
import { lookOfRun } from '../views/runText.ts';
import { duration, plain } from '../views/text.ts';
import { OutputText } from './outputText.ts';

/** What is needed of a host. */
export interface OutputSource {
  readonly read: (runId: string, offset: number, signal: AbortSignal) => Promise<MethodResult<'runs.output'>>;
  readonly describe: (runId: string, signal: AbortSignal) => Promise<MethodResult<'runs.get'>>;
  /** Resolves when there is a connection; rejects only when `signal` is aborted. */
  readonly online: (signal: AbortSignal) => Promise<void>;
}

/** Calls `onText` with new text, in order; resolves when the run has ended and all of it was read, or at the abort. */
export async function followOutput(
  source: OutputSource,
  runId: string,
  signal: AbortSignal,
  onText: (text: string) => void,
): Promise<void> {
  const output = new OutputText();
  try {
    await retryWhenOnline(source, signal, readAll(source, runId, signal, output, onText));
    onText(output.end());
    await retryWhenOnline(source, signal, async () => {
      onText(closingLine(await source.describe(runId, signal)));
    });
  } catch (error) {
    if (isAbort(error) || signal.aborted) return;
    onText(`\n[upkeep] the output can not be read: ${plain(messageOf(error))}\n`);
  }
}

/** A function that reads on where it stopped, however often it is called. */
function readAll(
  source: OutputSource,
  runId: string,
  signal: AbortSignal,
  output: OutputText,
  onText: (text: string) => void,
): () => Promise<void> {
  let offset = 0;
  return async () => {
    for (;;) {
      const piece = await source.read(runId, offset, signal);
      if (piece.nextOffset > offset) {
        offset = piece.nextOffset;
        onText(output.add(piece));
      } else if (piece.ended) return;
    }
  };
}

async function retryWhenOnline(source: OutputSource, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  for (;;) {
    await source.online(signal);
    try {
      await work();
      return;
    } catch (error) {
      if (!(error instanceof NotConnectedError) || signal.aborted) throw error;
    }
  }
}

function closingLine({ run }: MethodResult<'runs.get'>): string {
  const time = run.durationMs === null ? '' : ` after ${duration(run.durationMs)}`;
  const reason = run.outcomeReason === null ? '' : `: ${plain(run.outcomeReason)}`;
  return `\n[upkeep] ${plain(run.task)} ended: ${lookOfRun(run).text}${time}${reason}\n`;
}
