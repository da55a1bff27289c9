/** A host with a day behind it: something of everything that the dashboard shows. */
import type { Snapshot } from '../../../agent/protocol/methods.ts';
import type { Finding, Outcome, Run } from '../../../agent/protocol/nouns.ts';
import type { HostView } from '../../../extension/state/host.ts';
import {
  ago,
  ahead,
  makeAlert,
  makeCertificate,
  makeFinding,
  makeHost,
  makeReport,
  makeRun,
  makeTask,
  makeWindow,
} from '../nouns.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** The host of the scene. */
export function busyHost(fields: Partial<Snapshot> = {}, view: Partial<HostView> = {}): HostView {
  return makeHost(
    { tasks: tasks(), runs: runs(), reports: reports(), alerts: alerts(), windows: windows(), ...fields },
    view,
  );
}

export function offlineHost(name: string, data: HostView['data'] = null): HostView {
  const problem = { message: 'connect ECONNREFUSED 10.0.4.17:7433', code: null, final: false };
  const retryAt = Date.parse(ahead(12_000));
  return makeHost(
    {},
    { name, role: null, data, connection: { kind: 'waiting', attempt: 3, failures: 3, retryAt, problem } },
  );
}

function tasks(): Snapshot['tasks'] {
  return [
    makeTask({ name: 'health_check', target: 'health-check', nextRun: ahead(4 * minute) }),
    makeTask({ name: 'daily_vacuum', nextRun: ahead(15 * hour) }),
    makeTask({ name: 'rotate_logs', target: 'rotate-logs', nextRun: ahead(48 * minute) }),
    makeTask({ name: 'cert_check', target: 'check-certificates', nextRun: ahead(18 * hour) }),
    makeTask({
      name: 'backup_orders',
      kind: 'script',
      target: '/opt/scripts/backup-orders.sh',
      nextRun: ahead(90 * minute),
    }),
    makeTask({ name: 'reindex_large_tables_of_the_warehouse', schedule: null, nextRun: null }),
    makeTask({ name: 'purge_sessions', problem: 'the script /opt/scripts/purge.sh does not exist', nextRun: null }),
  ];
}

function runs(): Run[] {
  const checks = Array.from({ length: 96 }, (_, index) =>
    aRun('health_check', (index + 0.6) * 15 * minute, 2300, index === 30 || index === 31 ? 'warning' : 'unchanged'),
  );
  return [
    aRun('daily_vacuum', 9 * hour, 4.2 * minute, 'changed'),
    ...[0.2, 1.2, 2.2, 3.2, 5.2, 6.2, 11.2, 12.2, 13.2, 14.2, 15.2].map((at) =>
      aRun('rotate_logs', at * hour, 9000, 'changed'),
    ),
    aRun('rotate_logs', 4.2 * hour, 1200, 'missed'),
    aRun('cert_check', 6 * hour, 14_000, 'warning'),
    aRun('backup_orders', 22.5 * hour, 38 * minute, 'changed'),
    aRun('backup_orders', 14.5 * hour, 60 * minute, 'timed-out'),
    aRun('backup_orders', 6.5 * hour, 21 * minute, 'failed'),
    aRun('backup_orders', 5.5 * hour, 41 * minute, 'changed'),
    makeRun({
      ...aRun('reindex_large_tables_of_the_warehouse', 26 * minute, 0, 'changed'),
      state: 'running',
      outcome: null,
      endedAt: null,
      durationMs: null,
      trigger: 'window',
      actor: 'alice',
      progress: { done: 7, total: 19, unit: 'tables', message: 'public.order_lines' },
    }),
    aRun('reindex_large_tables_of_the_warehouse', 19 * hour, 12 * minute, 'cancelled'),
    makeRun({ ...aRun('Database maintenance by hand', 8 * hour, 40_000, 'changed'), kind: 'block', actor: 'alice' }),
    ...checks,
  ].sort((a, b) => b.queuedAt.localeCompare(a.queuedAt));
}

function aRun(task: string, age: number, length: number, outcome: Outcome): Run {
  const startedAt = ago(age);
  const reasons: Partial<Record<Outcome, string>> = {
    failed: 'exit code 2: pg_dump: error: connection to server was lost',
    'timed-out': 'it took longer than its time of 1 h',
    missed: 'the agent was not running at 07:48',
    cancelled: 'stopped by alice',
  };
  const missed = outcome === 'missed';
  return makeRun({
    id: `${task}-${age}`,
    task,
    outcome,
    outcomeReason: reasons[outcome] ?? null,
    queuedAt: startedAt,
    startedAt: missed ? null : startedAt,
    endedAt: ago(age - length),
    durationMs: missed ? null : length,
    findings: { ok: 4, info: 0, warning: outcome === 'warning' ? 2 : 0, critical: 0 },
  });
}

function reports(): Snapshot['reports'] {
  return [
    makeReport({ id: 'task:health_check', at: ago(9 * minute), findings: healthFindings() }),
    makeReport({
      id: 'task:daily_vacuum',
      procedure: 'database-daily-maintenance',
      at: ago(9 * hour),
      findings: [
        makeFinding({
          level: 'warning',
          code: 'database.bloat',
          subject: 'public.order_lines',
          message: 'public.order_lines: 1.9 times its due size; plan a VACUUM FULL or pg_repack.',
          value: 1.9,
          threshold: 1.5,
          unit: 'ratio',
        }),
        makeFinding({
          code: 'database.dead_tuples',
          subject: 'public.orders',
          message: 'public.orders: 18,203 dead rows removed.',
        }),
      ],
    }),
    makeReport({
      id: 'task:cert_check',
      procedure: 'check-certificates',
      at: ago(6 * hour),
      findings: [],
      certificates: certificates(),
    }),
  ];
}

function healthFindings(): Finding[] {
  return [
    makeFinding({
      level: 'critical',
      subject: '/var',
      message: '/var: 96 % of the disk space is used, 1.4 GiB left; clean logs and temporary files, or add storage.',
      value: 96,
      threshold: 85,
      unit: '%',
    }),
    makeFinding({
      subject: '/',
      message: '/: 41 % of the disk space is used, 48 GiB left.',
      value: 41,
      threshold: 85,
      unit: '%',
    }),
    makeFinding({
      code: 'memory.usage',
      subject: 'memory',
      message: '63 % of the memory is used.',
      value: 63,
      threshold: 90,
      unit: '%',
    }),
    makeFinding({
      code: 'cpu.usage',
      subject: 'cpu',
      message: '22 % of the processor is used.',
      value: 22,
      threshold: 80,
      unit: '%',
    }),
    makeFinding({
      level: 'warning',
      code: 'service.latency',
      subject: 'checkout',
      message: 'checkout answered after 1.3 s, later than 1 s.',
      value: 1310,
      threshold: 1000,
      unit: 'ms',
    }),
    makeFinding({ code: 'service.availability', subject: 'shop', message: 'shop answers (HTTP 200).' }),
    makeFinding({
      code: 'database.connections',
      subject: 'orders',
      message: 'orders: 34 of 100 connections are in use.',
      value: 34,
      threshold: 80,
      unit: '%',
    }),
  ];
}

function certificates(): NonNullable<Snapshot['reports'][number]['certificates']> {
  const one = (name: string, from: number, left: number, fields: Parameters<typeof makeCertificate>[0]) =>
    makeCertificate({
      source: `/etc/ssl/${name}.pem`,
      subject: `CN=${name}`,
      names: [name],
      notBefore: ago(from * day),
      notAfter: ahead(left * day),
      daysLeft: Math.floor(left),
      ...fields,
    });
  return [
    one('shop.example.test', 60, 30.5, { message: 'valid for 30 days' }),
    one('legacy.example.test', 370, -4.5, {
      status: 'expired',
      level: 'critical',
      daysLeft: -4,
      reasons: ['self_signed'],
      message: 'expired 4 days ago',
    }),
    one('api.example.test', 84, 6.2, {
      status: 'expiring',
      level: 'critical',
      source: 'api.example.test:443',
      message: 'expires in 6 days',
    }),
    one('mail.example.test', 70, 19.5, {
      status: 'expiring',
      level: 'warning',
      reasons: ['chain_incomplete'],
      source: 'smtp://mail.example.test:25',
    }),
    one('partner.example.test', 30, 335, { message: 'valid for 335 days' }),
    makeCertificate({
      source: '/etc/ssl/old/store.p12',
      subject: '',
      names: [],
      notBefore: null,
      notAfter: null,
      daysLeft: null,
      status: 'unreadable',
      level: 'warning',
      reasons: ['needs_password'],
      message: 'the file needs a password',
    }),
  ];
}

function alerts(): Snapshot['alerts'] {
  return [
    makeAlert({
      id: 'a1',
      key: 'check:health:disk.usage:/var',
      title: 'Disk /var is nearly full',
      message: '/var: 96 % of the disk space is used, 1.4 GiB left.',
      since: ago(47 * minute),
      runId: null,
      count: 4,
    }),
    makeAlert({
      id: 'a2',
      key: 'task:backup_orders',
      title: 'backup_orders failed',
      message: 'exit code 2: pg_dump: error: connection to server was lost',
      since: ago(6 * hour),
      state: 'acknowledged',
      acknowledgedBy: 'bob',
      runId: `backup_orders-${6.5 * hour}`,
    }),
    makeAlert({
      id: 'a3',
      key: 'check:latency',
      level: 'warning',
      title: 'checkout answers slowly',
      message: 'checkout answered after 1.3 s, later than 1 s.',
      since: ago(9 * minute),
      held: true,
      runId: null,
    }),
    makeAlert({
      id: 'a4',
      key: 'task:rotate_logs',
      level: 'warning',
      title: 'rotate_logs was missed',
      message: 'the agent was not running at 07:48',
      state: 'resolved',
      since: ago(4.2 * hour),
      updatedAt: ago(3.2 * hour),
      runId: null,
    }),
  ];
}

function windows(): Snapshot['windows'] {
  return [
    makeWindow({
      id: 'w1',
      title: 'Reindex the warehouse',
      startsAt: ago(28 * minute),
      endsAt: ahead(42 * minute),
      heldAlerts: 1,
      plan: ['reindex_large_tables_of_the_warehouse'],
    }),
    makeWindow({
      id: 'w0',
      title: 'Weekly maintenance',
      state: 'closed',
      startsAt: ago(10 * hour),
      endsAt: ago(8 * hour),
      closedAt: ago(8 * hour),
      closedReason: 'its time was up',
      mode: { flagFile: null, on: false, problem: null },
    }),
  ];
}
