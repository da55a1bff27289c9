/** Nouns of the wire for tests: complete, each field replaceable. */
import type { Snapshot } from '../../agent/protocol/methods.ts';
import type {
  Alert,
  Certificate,
  Finding,
  MaintenanceWindow,
  ProcedureInfo,
  Report,
  Run,
  Runbook,
  Task,
} from '../../agent/protocol/nouns.ts';
import type { WaitingRun } from '../../extension/views/approvals.ts';
import type { HostView } from '../../extension/state/host.ts';

export const now = new Date('2026-03-01T12:00:00.000Z');

export function ago(milliseconds: number): string {
  return new Date(now.getTime() - milliseconds).toISOString();
}
export function ahead(milliseconds: number): string {
  return ago(-milliseconds);
}

export function makeRun(fields: Partial<Run> = {}): Run {
  return {
    id: 'run-1',
    task: 'daily_vacuum',
    kind: 'task',
    procedure: 'database-daily-maintenance',
    trigger: 'schedule',
    attempt: 1,
    scheduledFor: null,
    actor: 'schedule',
    reason: null,
    dryRun: false,
    windowId: null,
    state: 'ended',
    outcome: 'changed',
    outcomeReason: null,
    exitCode: 0,
    signal: null,
    queuedAt: ago(184_200),
    startedAt: ago(184_200),
    endedAt: ago(180_000),
    durationMs: 4200,
    adopted: false,
    findings: { ok: 0, info: 0, warning: 0, critical: 0 },
    progress: null,
    ...fields,
  };
}

export function makeTask(fields: Partial<Task> = {}): Task {
  return {
    name: 'daily_vacuum',
    description: null,
    group: null,
    schedule: '0 3 * * *',
    zone: 'UTC',
    kind: 'procedure',
    target: 'database-daily-maintenance',
    alertOnFailure: true,
    supportsDryRun: true,
    line: 4,
    problem: null,
    nextRun: ahead(2 * 3_600_000),
    ...fields,
  };
}

export function makeFinding(fields: Partial<Finding> = {}): Finding {
  return { level: 'ok', code: 'disk.usage', subject: '/', message: '40 % of / is used', ...fields };
}

export function makeReport(fields: Partial<Report> = {}): Report {
  return {
    id: 'check:health',
    procedure: 'health-check',
    runId: null,
    at: ago(60_000),
    outcome: 'unchanged',
    findings: [makeFinding()],
    certificates: null,
    ...fields,
  };
}

export function makeCertificate(fields: Partial<Certificate> = {}): Certificate {
  return {
    source: '/etc/ssl/api.pem',
    subject: 'CN=api.example.test',
    issuer: 'CN=Example CA',
    names: ['api.example.test'],
    notBefore: ago(60 * 86_400_000),
    notAfter: fields.daysLeft === null ? null : ahead((fields.daysLeft ?? 45) * 86_400_000),
    daysLeft: 45,
    count: 1,
    status: 'ok',
    reasons: [],
    key: 'match',
    fingerprint: 'ab'.repeat(32),
    warnDays: 30,
    criticalDays: 7,
    level: 'ok',
    message: 'valid for 45 days',
    chain: [],
    ...fields,
  };
}

/** One of two approvals is there; asked for by bob. */
export function makeWaitingRun(fields: Partial<Run> = {}): WaitingRun {
  const approval = {
    required: 2,
    roles: ['operator', 'admin'] as const,
    given: [{ actor: 'carol', at: ago(60_000) }],
    expiresAt: ahead(86_400_000),
  };
  return {
    ...makeRun({
      id: 'run-w',
      task: 'drop_partitions',
      trigger: 'manual',
      actor: 'bob',
      reason: 'the disk fills up',
      state: 'queued',
      waitingFor: 'approval',
      waitingReason: 'waits for the approval of 1 person (operator or admin); approved by carol',
      waitingUntil: approval.expiresAt,
      outcome: null,
      startedAt: null,
      endedAt: null,
      durationMs: null,
      queuedAt: ago(120_000),
      ...fields,
    }),
    approval: { ...approval, roles: [...approval.roles], ...fields.approval },
  };
}

export function makeProcedure(fields: Partial<ProcedureInfo> = {}): ProcedureInfo {
  return {
    name: 'rotate-logs',
    area: 'logs',
    title: 'Rotate Logs',
    summary: 'Rotate the configured logs',
    changes: true,
    optionsSchema: { type: 'object', properties: {} },
    ...fields,
  };
}

export function makeAlert(fields: Partial<Alert> = {}): Alert {
  return {
    id: 'alert-1',
    key: 'task:daily_vacuum',
    level: 'critical',
    title: 'daily_vacuum failed',
    message: 'exit code 2',
    state: 'firing',
    since: ago(600_000),
    updatedAt: ago(600_000),
    count: 1,
    held: false,
    runId: 'run-1',
    acknowledgedBy: null,
    ...fields,
  };
}

export function makeWindow(fields: Partial<MaintenanceWindow> = {}): MaintenanceWindow {
  return {
    id: 'window-1',
    title: 'Vacuum',
    reason: 'bloat on orders',
    state: 'active',
    openedBy: 'alice',
    startsAt: ago(18 * 60_000),
    endsAt: ahead(42 * 60_000),
    closedAt: null,
    closedReason: null,
    plan: [],
    planRuns: [],
    mode: { flagFile: '/var/www/maintenance.flag', on: true, problem: null },
    heldAlerts: 0,
    ...fields,
  };
}

export function makeRunbook(fields: Partial<Runbook> = {}): Runbook {
  return {
    path: '/etc/upkeep/runbooks/database.md',
    title: 'Database maintenance by hand',
    sha256: 'cd'.repeat(32),
    modifiedAt: ago(86_400_000),
    blocks: 3,
    checklist: { checked: 1, total: 4 },
    ...fields,
  };
}

export function makeSnapshot(fields: Partial<Snapshot> = {}): Snapshot {
  return {
    epoch: 'epoch-1',
    seq: 0,
    at: now.toISOString(),
    host: { name: 'db-01', platform: 'linux', agentVersion: '0.1.0', pid: 42, startedAt: ago(3_600_000) },
    config: {
      file: '/etc/upkeep/maintenance.yaml',
      revision: 'ef'.repeat(32),
      loadedAt: ago(3_600_000),
      stale: false,
      diagnostics: [],
    },
    tasks: [],
    runs: [],
    reports: [],
    alerts: [],
    windows: [],
    runbooks: [],
    procedures: [],
    ...fields,
  };
}

export function makeHost(fields: Partial<Snapshot> = {}, view: Partial<HostView> = {}): HostView {
  return {
    name: 'db-01',
    url: 'ws://127.0.0.1:7433/',
    connection: { kind: 'online', attempt: 1, failures: 0, since: now.getTime() },
    role: 'admin',
    actor: 'alice',
    data: makeSnapshot(fields),
    ...view,
  };
}
