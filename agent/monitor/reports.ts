/** Turns the end of a run or check into a report, and its problems into alerts. */
import type { EventBus } from '../events.ts';
import { badOutcomes, certificate, type Finding, type Report, type Run } from '../protocol/nouns.ts';
import type { ProcedureEnd } from '../run/results.ts';
import type { EndedRun } from '../run/runner.ts';
import type { Database } from '../store/database.ts';
import { addSamples } from '../store/samples.ts';
import { deleteReport, listReports, saveReport } from '../store/documents.ts';
import type { Alerts } from './alerts.ts';
import { expiryNotice } from './expiryNotice.ts';
import { problemPrefix, problemsOf, type AlertLevel } from './problems.ts';

export interface ReportsParts {
  readonly database: Database;
  readonly events: EventBus;
  readonly alerts: Alerts;
  /** From which level on the findings of a report are told. */
  readonly levelOf: (report: Report) => AlertLevel;
}

export class Reports {
  readonly #parts: ReportsParts;

  constructor(parts: ReportsParts) {
    this.#parts = parts;
  }

  list(): readonly Report[] {
    return listReports(this.#parts.database);
  }

  /** Drops the reports of tasks and checks that are no longer configured, with their alerts. */
  keepOnly(ids: ReadonlySet<string>): void {
    const { database, events, alerts } = this.#parts;
    for (const { id } of this.list()) {
      if (ids.has(id)) continue;
      database.transaction(() => {
        deleteReport(database, id);
        events.emit('report.removed', { id });
      });
    }
    // By key, not by report: a task that never gave one can have an alert all the same.
    for (const { key } of alerts.open()) {
      if (key.startsWith('task:') && !ids.has(key.split(':', 2).join(':'))) alerts.resolve(key);
    }
    this.#reconcile(null);
  }

  /** What a task's run came to. Dry runs and blocks say nothing about the state of the host. */
  ofRun(ended: EndedRun): void {
    const { run, alertOn } = ended;
    if (run.dryRun || run.kind !== 'task' || run.outcome === null || run.outcome === 'skipped') return;
    const id = `task:${run.task}`;
    if (alertOn !== 'nothing' && run.outcome !== 'cancelled' && run.outcome !== 'missed') {
      if (badOutcomes.has(run.outcome)) {
        this.#parts.alerts.raise({ key: id, level: 'critical', ...describe(run, ended.findings), runId: run.id });
      } else this.#parts.alerts.resolve(id);
    }
    this.#alertMissed(ended);
    if (run.procedure === null || ended.end === null) return;
    this.#save(reportOf(id, run.procedure, run.id, run.endedAt ?? run.queuedAt, ended.end, ended.findings));
  }

  /** A missed run is told of whatever the task says of failures, and until the task has run well again. */
  #alertMissed({ run, alertOn }: EndedRun): void {
    const { alerts } = this.#parts;
    const key = `task:${run.task}:missed`;
    if (run.outcome === 'changed' || run.outcome === 'unchanged' || run.outcome === 'warning') alerts.resolve(key);
    if (run.outcome !== 'missed') return;
    alerts.raise({
      key,
      level: alertOn === 'nothing' ? 'warning' : 'critical',
      title: `${run.task} missed`,
      message: run.outcomeReason ?? 'a scheduled run was missed',
      runId: run.id,
    });
  }

  ofCheck(name: string, procedure: string, at: string, end: ProcedureEnd, findings: readonly Finding[]): void {
    this.#save(reportOf(`check:${name}`, procedure, null, at, end, findings));
  }

  #save(report: Report): void {
    const { database, events } = this.#parts;
    database.transaction(() => {
      saveReport(database, report);
      addSamples(database, report.id, Date.parse(report.at), report.findings);
      events.emit('report.changed', { report });
    });
    this.#reconcile(report.id);
  }

  /** Raises what the newest reports see, `source` being the one that just came, and resolves what none sees any more. */
  #reconcile(source: string | null): void {
    const { alerts, levelOf } = this.#parts;
    const reports = this.list();
    const problems = problemsOf(reports, levelOf);
    const open = new Map(alerts.open().map((alert) => [alert.key, alert.level]));
    for (const { key, level, finding, runId, source: seenBy } of problems.values()) {
      if (seenBy !== source && open.get(key) === level) continue;
      const notice = expiryNotice(finding, reports.find(({ id }) => id === seenBy)?.certificates ?? []);
      const condition = { key, level, title: titleOf(finding), message: finding.message, runId };
      alerts.raise(notice === null ? condition : { ...condition, notice });
    }
    alerts.resolveOthers(problemPrefix, new Set(problems.keys()));
  }
}

function reportOf(
  id: string,
  procedure: string,
  runId: string | null,
  at: string,
  end: ProcedureEnd,
  findings: readonly Finding[],
): Report {
  const certificates = certificate.array().safeParse(end.part['certificates']);
  return {
    id,
    procedure,
    runId,
    at,
    outcome: end.outcome,
    findings: [...findings],
    certificates: certificates.success ? certificates.data : null,
  };
}

function describe(run: Run, findings: readonly Finding[]): { readonly title: string; readonly message: string } {
  const worst = findings.find(({ level }) => level === 'critical') ?? findings.find(({ level }) => level === 'warning');
  return {
    title: `${run.task} ${run.outcome ?? 'failed'}`,
    message: worst?.message ?? run.outcomeReason ?? 'look at its output',
  };
}

/** `certificates.expiry` of `/etc/…/mail/fullchain.pem` → `Certificates expiry: mail/fullchain.pem`; the message has the whole. */
function titleOf({ code, subject }: Finding): string {
  const words = code.replaceAll(/[._-]/g, ' ');
  const short = subject.startsWith('/') ? subject.split('/').slice(-2).join('/') : subject;
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}: ${short === '' ? subject : short}`;
}
