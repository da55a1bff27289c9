/** Findings of a host by component, worst first, with a meter where a value stands against a threshold. */
import type { FindingLevel } from '../../agent/protocol/nouns.ts';
import type { Component, HealthFinding, Mark } from '../../webview/dashboardSchema.ts';
import type { HostData } from '../state/hostData.ts';
import { componentOf, observationsOf, titled, type Observation } from '../views/healthModel.ts';
import { isProblem, severity, worst } from '../views/levels.ts';
import { toneOfLevel } from '../views/node.ts';
import { counted, grouped, plain } from '../views/text.ts';
import { meterOf, wordOf } from './meter.ts';

/** Findings that one component shows; problems are all shown. */
const shownFindings = 6;

export const markOfLevel: Readonly<Record<FindingLevel, Mark>> = {
  ok: 'pass',
  info: 'info',
  warning: 'warning',
  critical: 'error',
};

export function componentsOf(data: HostData): { components: Component[]; note: string } {
  // Certificates have a section of their own.
  const observed = observationsOf({ ...data, reports: data.reports.filter((report) => report.certificates === null) });
  const components = [...grouped(observed, (one) => componentOf(one.finding.code))]
    .map(([code, observations]) => ({ code, level: worst(observations.map((one) => one.finding.level)), observations }))
    .sort((a, b) => severity(b.level) - severity(a.level) || a.code.localeCompare(b.code))
    .map(({ code, level, observations }) => componentModel(code, level, observations));
  return {
    components,
    note: components.length === 0 ? 'Nothing has been looked at yet. A health-check finds what is there.' : '',
  };
}

function componentModel(code: string, level: FindingLevel, observations: readonly Observation[]): Component {
  const sorted = [...observations].sort(
    (a, b) =>
      severity(b.finding.level) - severity(a.finding.level) ||
      a.finding.code.localeCompare(b.finding.code) ||
      a.finding.subject.localeCompare(b.finding.subject),
  );
  const problems = sorted.filter((one) => isProblem(one.finding.level)).length;
  const shown = sorted.slice(0, Math.max(problems, shownFindings));
  const hidden = sorted.length - shown.length;
  return {
    id: code,
    title: titled(code),
    tone: toneOfLevel[level],
    mark: markOfLevel[level],
    text: problems === 0 ? level : `${counted(problems, 'problem')} of ${sorted.length}`,
    findings: shown.map(findingModel),
    more: hidden === 0 ? '' : `${hidden} more without a problem`,
  };
}

function findingModel({ key, finding }: Observation): HealthFinding {
  const dot = finding.code.indexOf('.');
  return {
    id: key,
    title: titled(finding.code.slice(dot + 1)),
    subject: plain(finding.subject),
    tone: toneOfLevel[finding.level],
    mark: markOfLevel[finding.level],
    level: finding.level,
    message: plain(finding.message),
    meter: wordOf(finding) === '' ? meterOf(finding) : null,
    word: wordOf(finding),
  };
}
