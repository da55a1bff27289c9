import type { Finding } from '../protocol/nouns.ts';
import type { ProcedureContext } from './define.ts';

/** The same context, and the findings that it is given from now on. */
export function remembering(given: ProcedureContext): {
  readonly context: ProcedureContext;
  readonly findings: readonly Finding[];
} {
  const findings: Finding[] = [];
  const context: ProcedureContext = {
    ...given,
    finding: (finding) => {
      findings.push(finding);
      given.finding(finding);
    },
  };
  return { context, findings };
}
