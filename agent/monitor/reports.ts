/** Turns the end of a run or check into a report, and its problems into alerts. */
import type { EventBus } from '../events.ts';
import { badOutcomes, certificate, type Finding, type Report, type Run } from '../protocol/nouns.ts';
import type { ProcedureEnd } from '../run/results.ts';
import type { EndedRun } from '../run/runner.ts';
import type { Database } from '../store/database.ts';
import { deleteReport, listReports, saveReport } from '../store/documents.ts';
import type { Alerts } from './alerts.ts';

export class Reports {
  readonly #database: Database;
  readonly #events: EventBus;
  readonly #alerts: Alerts;

  constructor(database: Database, events: EventBus, alerts: Alerts) {
    this.#database = database;
    this.#events = events;
    this.#alerts = alerts;
  }

  list(): readonly Report[] {
    return listReports(this.#database);
  }

  /** Drops the reports of tasks and checks that are no longer configured. */
  keepOnly(ids: ReadonlySet<string>): void {
    for (const report of this.list()) {
      if (ids.has(report.id)) continue;
      this.#database.transaction(() => {
        deleteReport(this.#database, report.id);
        this.#events.emit('report.removed', { id: report.id });
      });
      this.#alerts.resolveOthers(report.id, new Set());
    }
  }

  /** What a task's run came to. Dry runs and blocks say nothing about the state of the host. */
  ofRun(ended: EndedRun): void {
    const { run } = ended;
    if (run.dryRun || run.kind !== 'task' || run.outcome === null || run.outcome === 'skipped') return;
    if (run.procedure !== null && ended.end !== null) {
      this.#save(
        reportOf(`task:${run.task}`, run.procedure, run.id, run.endedAt ?? run.queuedAt, ended.end, ended.findings),
      );
    }
    if (ended.alertOn === 'nothing' || run.outcome === 'cancelled') return;
    const key = `task:${run.task}`;
    const level = alertLevel(ended);
    if (level === null) this.#alerts.resolve(key);
    else this.#alerts.raise({ key, level, ...describe(run, ended.findings), runId: run.id });
  }

  /** What a check saw: each critical finding is an alert until a later check no longer sees it. */
  ofCheck(name: string, procedure: string, at: string, end: ProcedureEnd, findings: readonly Finding[]): void {
    const id = `check:${name}`;
    this.#save(reportOf(id, procedure, null, at, end, findings));
    const still = new Set<string>();
    for (const finding of findings) {
      if (finding.level !== 'critical') continue;
      const key = `${id}:${finding.code}:${finding.subject}`;
      still.add(key);
      this.#alerts.raise({
        key,
        level: 'critical',
        title: titleOf(finding),
        message: finding.message,
        runId: null,
      });
    }
    this.#alerts.resolveOthers(`${id}:`, still);
  }

  #save(report: Report): void {
    this.#database.transaction(() => {
      saveReport(this.#database, report);
      this.#events.emit('report.changed', { report });
    });
  }
}

/** Null = nothing to tell. A run that found something critical is told like a failure. */
function alertLevel({ run, findings, alertOn }: EndedRun): 'critical' | 'warning' | null {
  const critical = findings.some((finding) => finding.level === 'critical');
  if (critical || (run.outcome !== null && badOutcomes.has(run.outcome))) return 'critical';
  return alertOn === 'warning' && run.outcome === 'warning' ? 'warning' : null;
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
  const problems = findings.filter(({ level }) => level === 'critical' || level === 'warning');
  const worst = problems.find(({ level }) => level === 'critical') ?? problems[0];
  const failed = run.outcome !== null && badOutcomes.has(run.outcome);
  return {
    title: failed
      ? `${run.task} ${run.outcome}`
      : `${run.task} found ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}`,
    message: worst === undefined ? (run.outcomeReason ?? 'look at its output') : `${worst.subject}: ${worst.message}`,
  };
}

/** `certificates.expiry` of `/etc/…/mail/fullchain.pem` → `Certificates expiry: mail/fullchain.pem`; the message has the whole. */
function titleOf({ code, subject }: Finding): string {
  const words = code.replaceAll(/[._-]/g, ' ');
  const short = subject.startsWith('/') ? subject.split('/').slice(-2).join('/') : subject;
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}: ${short === '' ? subject : short}`;
}
