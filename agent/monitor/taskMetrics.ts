/** What the metrics say of tasks, alerts and windows, read from the store at the scrape. */
import { badOutcomes, type Outcome } from '../protocol/nouns.ts';
import type { Database } from '../store/database.ts';
import { lastRunsByTask } from '../store/runs.ts';
import type { Windows } from '../window/windows.ts';
import type { Alerts } from './alerts.ts';
import type { Metrics, MetricsSource } from './metrics.ts';

export function metricsSource(parts: {
  readonly database: Database;
  readonly alerts: Alerts;
  readonly windows: Windows;
  readonly sessions: () => number;
}): MetricsSource {
  return {
    tasks: () =>
      lastRunsByTask(parts.database).map(({ task, endedAt, durationMs, outcome, lastSuccess }) => ({
        task,
        lastRun: endedAt / 1000,
        durationSeconds: durationMs / 1000,
        ok: endedWell(outcome),
        lastSuccess: lastSuccess === null ? null : lastSuccess / 1000,
      })),
    openAlerts: () => {
      const counts = new Map<string, number>();
      for (const { level } of parts.alerts.open()) counts.set(level, (counts.get(level) ?? 0) + 1);
      return [...counts].map(([level, count]) => ({ level, count }));
    },
    activeWindows: () => parts.windows.active().length,
    sessions: parts.sessions,
  };
}

/** Reads the metrics under the prefix of the moment: a reload may have changed it. The first scrape loads what writes them. */
export function metricsReader(prefix: () => string, source: MetricsSource): Metrics['read'] {
  let current: { readonly prefix: string; readonly metrics: Promise<Metrics> } | null = null;
  return async () => {
    if (current?.prefix !== prefix()) current = { prefix: prefix(), metrics: metricsNamed(prefix(), source) };
    return (await current.metrics).read();
  };
}

async function metricsNamed(prefix: string, source: MetricsSource): Promise<Metrics> {
  const { createMetrics } = await import('./metrics.ts');
  return createMetrics(prefix, source);
}

function endedWell(outcome: Outcome): boolean {
  return !badOutcomes.has(outcome) && outcome !== 'cancelled';
}
