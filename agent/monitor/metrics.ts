/** `/metrics`: what Prometheus reads. Every value is taken at the scrape, nothing is sampled in between. */
import { Counter, Gauge, Registry } from 'prom-client';

export interface TaskMetrics {
  readonly task: string;
  /** End of the last finished run, in Unix seconds; null before the first. */
  readonly lastRun: number | null;
  /** Of the last finished run. */
  readonly durationSeconds: number | null;
  /** Whether the last finished run ended well; null before the first. */
  readonly ok: boolean | null;
  /** End of the last run that ended well, in Unix seconds; null when none did. */
  readonly lastSuccess: number | null;
}

export interface MetricsSource {
  tasks(): Iterable<TaskMetrics>;
  /** Alerts that are not resolved, by level. */
  openAlerts(): Iterable<{ readonly level: string; readonly count: number }>;
  /** Maintenance windows that are open now. */
  activeWindows(): number;
  /** Connected clients. */
  sessions(): number;
}

export interface Metrics {
  /** The text exposition format 0.0.4 of Prometheus, with its content type. */
  read(): Promise<{ readonly contentType: string; readonly text: string }>;
}

/** `prefix` as in maintenance.yaml, `metrics.prefix`: letters, digits, `_` and `:`. */
export function createMetrics(prefix: string, source: MetricsSource): Metrics {
  const registry = new Registry();
  const fill = [taskGauges(registry, prefix, source), stateGauges(registry, prefix, source), processGauges(registry)];
  return {
    async read() {
      for (const refresh of fill) refresh();
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
  };
}

/** The seed's three names with its meaning, and the instant of the last success. */
function taskGauges(registry: Registry, prefix: string, source: MetricsSource): () => void {
  const gauge = (name: string, help: string): Gauge<'task'> =>
    new Gauge({ name: `${prefix}_${name}`, help, labelNames: ['task'], registers: [registry] });
  const lastRun = gauge('last_run', 'End of the last run of the task, in Unix seconds');
  const duration = gauge('duration_seconds', 'Duration of the last run of the task');
  const status = gauge('status', '1 when the last run of the task ended well, else 0');
  const success = gauge(
    'last_success_timestamp_seconds',
    'End of the last run of the task that ended well, in Unix seconds',
  );
  return () => {
    for (const each of [lastRun, duration, status, success]) each.reset();
    for (const { task, ...values } of source.tasks()) {
      if (values.lastRun !== null) lastRun.set({ task }, values.lastRun);
      if (values.durationSeconds !== null) duration.set({ task }, values.durationSeconds);
      if (values.ok !== null) status.set({ task }, values.ok ? 1 : 0);
      if (values.lastSuccess !== null) success.set({ task }, values.lastSuccess);
    }
  };
}

function stateGauges(registry: Registry, prefix: string, source: MetricsSource): () => void {
  const registers = [registry];
  const alerts = new Gauge({
    name: `${prefix}_open_alerts`,
    help: 'Alerts that are not resolved',
    labelNames: ['level'],
    registers,
  });
  const windows = new Gauge({
    name: `${prefix}_active_windows`,
    help: 'Maintenance windows that are open now',
    registers,
  });
  const sessions = new Gauge({ name: `${prefix}_sessions`, help: 'Connected clients', registers });
  return () => {
    alerts.reset();
    for (const { level, count } of source.openAlerts()) alerts.set({ level }, count);
    windows.set(source.activeWindows());
    sessions.set(source.sessions());
  };
}

/** The few that cost nothing between scrapes, under the names of Prometheus's own client libraries. */
function processGauges(registry: Registry): () => void {
  const registers = [registry];
  const memory = new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Resident memory of the agent',
    registers,
  });
  const started = new Gauge({
    name: 'process_start_time_seconds',
    help: 'Start of the agent, in Unix seconds',
    registers,
  });
  const cpu = new Counter({
    name: 'process_cpu_seconds_total',
    help: 'User and system CPU time of the agent',
    registers,
  });
  started.set(Math.round(Date.now() / 1000 - process.uptime()));
  return () => {
    memory.set(process.memoryUsage.rss());
    const { user, system } = process.cpuUsage();
    cpu.reset();
    cpu.inc((user + system) / 1e6);
  };
}
