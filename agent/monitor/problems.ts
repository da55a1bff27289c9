/** Which findings are problems now, derived from the newest reports: a pure decision. */
import type { Finding, Report } from '../protocol/nouns.ts';
import { expiryCode } from './expiryNotice.ts';

export interface Problem {
  /** `finding:<code>:<subject>`: one problem, however many checks and tasks see it. */
  readonly key: string;
  /** Report that saw it last. */
  readonly source: string;
  readonly runId: string | null;
  readonly level: 'critical' | 'warning';
  readonly finding: Finding;
}

/**
 * From which level on findings of a report are told; that a certificate expires is told from the warning on in any case.
 * Null = they are nobody's alarm, but may show that a problem is over.
 */
export type AlertLevel = 'critical' | 'warning' | null;

export const problemPrefix = 'finding:';

/**
 * The newest report that looked at a thing decides about it: a check that finds it well ends the alarm that a task raised, and the
 * other way round. Of several findings of one report about the same thing (each disk of a database) the worst counts.
 */
export function problemsOf(
  reports: readonly Report[],
  levelOf: (report: Report) => AlertLevel,
): ReadonlyMap<string, Problem> {
  const newestLast = [...reports].sort((one, other) => (one.at < other.at ? -1 : one.at > other.at ? 1 : 0));
  const problems = new Map<string, Problem>();
  for (const report of newestLast) {
    const from = levelOf(report);
    for (const [key, finding] of worstOfEach(report.findings)) {
      if (isTold(finding, from)) {
        problems.set(key, { key, source: report.id, runId: report.runId, level: finding.level, finding });
      } else if (!isProblem(finding) || (finding.level === 'warning' && problems.get(key)?.level === 'critical')) {
        problems.delete(key);
      }
    }
  }
  return problems;
}

function worstOfEach(findings: readonly Finding[]): ReadonlyMap<string, Finding> {
  const worst = new Map<string, Finding>();
  for (const finding of findings) {
    const key = `${problemPrefix}${finding.code}:${finding.subject}`;
    const other = worst.get(key);
    if (other === undefined || severity[finding.level] > severity[other.level]) worst.set(key, finding);
  }
  return worst;
}

const severity: Readonly<Record<Finding['level'], number>> = { ok: 0, info: 1, warning: 2, critical: 3 };

function isProblem(finding: Finding): finding is Finding & { readonly level: 'critical' | 'warning' } {
  return finding.level === 'critical' || finding.level === 'warning';
}

function isTold(finding: Finding, from: AlertLevel): finding is Finding & { readonly level: 'critical' | 'warning' } {
  if (from === null || !isProblem(finding)) return false;
  return from === 'warning' || finding.level === 'critical' || finding.code === expiryCode;
}
