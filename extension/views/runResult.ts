/** What came of a procedure that a person has started, in one sentence. Pure. */
import type { Finding, Run } from '../../agent/protocol/nouns.ts';
import { isProblem, severity } from './levels.ts';
import { hasReport, lookOfRun } from './runText.ts';
import { counted, duration, plain } from './text.ts';

/**
 * `Renew Certificate on db-01: The certificate of … is not renewed: … (and 2 more findings)`; null for what ended well and
 * changed nothing by itself.
 */
export function resultText(host: string, title: string, run: Run, findings: readonly Finding[]): string | null {
  const what = `${run.dryRun ? 'Dry run of ' : ''}${plain(title)} on ${plain(host)}`;
  const { text } = lookOfRun(run);
  const took = run.durationMs === null ? '' : ` after ${duration(run.durationMs)}`;
  const problems = findings
    .filter(({ level }) => isProblem(level))
    .sort((a, b) => severity(b.level) - severity(a.level));
  const [worst] = problems;
  if (worst !== undefined) {
    const more = problems.length === 1 ? '' : ` (and ${counted(problems.length - 1, 'more finding')})`;
    return `${what}: ${plain(worst.message)}${more}`;
  }
  if (run.outcome === 'changed') return `${what}: succeeded${took}.`;
  if (run.dryRun && run.outcome === 'unchanged') return `${what}: ended${took}; nothing was changed.`;
  if (hasReport(run)) return `${what}: ended${took}; its report is there.`;
  if (run.outcome === 'unchanged') return null;
  return `${what}: ${[text + took, ...(run.outcomeReason === null ? [] : [plain(run.outcomeReason)])].join(': ')}`;
}
