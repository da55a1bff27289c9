/** What people and clients are told of certificates that were looked at. */
import type { Certificate, Finding } from '../../protocol/nouns.ts';
import type { ProcedureContext } from '../define.ts';
import type { Analysis } from './analyse.ts';
import { findingsOf } from './findings.ts';
import type { Pace } from './pace.ts';
import { certificateLines } from './text.ts';

/** Prints each certificate, and records and returns the findings about them. */
export async function report(
  analyses: readonly Analysis[],
  context: Pick<ProcedureContext, 'config' | 'finding' | 'print'>,
  pace: Pace,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const analysis of analyses) {
    for (const line of certificateLines(analysis.certificate)) context.print(line);
    for (const finding of findingsOf(analysis, context.config.certificates)) {
      context.finding(finding);
      findings.push(finding);
    }
    context.print('');
    await pace();
  }
  return findings;
}

/** Whether there were certificates, and not one of them could be read. */
export function learntNothing(certificates: readonly Certificate[]): boolean {
  return (
    certificates.length > 0 && certificates.every(({ status }) => status === 'unreadable' || status === 'unparsable')
  );
}
