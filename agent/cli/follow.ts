/** Shows a run until it ends, and what it came to. */
import { badOutcomes, type Finding, type Run } from '../protocol/nouns.ts';
import type { AgentClient } from './client.ts';
import type { Io } from './io.ts';

/** Copies the output byte for byte until the run has ended; resolves with the run and its findings, and sets the exit code. */
export async function followRun(
  client: AgentClient,
  runId: string,
  to: Io['stdout'],
  io: Pick<Io, 'exitCode'>,
): Promise<{ readonly run: Run; readonly findings: readonly Finding[] }> {
  await copyOutput(client, runId, to, true);
  const ended = await client.request('runs.get', { runId });
  const { outcome } = ended.run;
  if (outcome !== null && (badOutcomes.has(outcome) || outcome === 'cancelled')) io.exitCode = 1;
  return ended;
}

/** Copies what there is, and with `follow` what comes until the run has ended. */
export async function copyOutput(client: AgentClient, runId: string, to: Io['stdout'], follow: boolean): Promise<void> {
  for (let offset = 0, over = false; !over;) {
    const piece = await client.request('runs.output', { runId, offset, wait: follow });
    if (piece.text !== '') to.write(Buffer.from(piece.text, piece.encoding));
    offset = piece.nextOffset;
    over = offset >= piece.size && (piece.ended || !follow);
  }
}

export function summaryOf(run: Run): string {
  const seconds = ((run.durationMs ?? 0) / 1000).toFixed(1);
  const reason = run.outcomeReason === null ? '' : ` (${run.outcomeReason})`;
  return `${run.task}: ${run.outcome ?? run.state} after ${seconds} s${reason}`;
}
