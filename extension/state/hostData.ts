/** What is known of one host, immutable: a snapshot of the agent, moved on by its events. */
import type { AgentEvent } from '../../agent/protocol/events.ts';
import type { Snapshot } from '../../agent/protocol/methods.ts';
import type { Run } from '../../agent/protocol/nouns.ts';

export type HostData = Snapshot;

/** Ended runs that are kept of each task; older ones are asked for when someone wants them. */
export const keptRunsPerTask = 20;
const keptWindows = 50;

/** The next state. `event.seq` must be the one after `data.seq`: the store sees to that. */
export function applyEvent(data: HostData, event: AgentEvent): HostData {
  const next: HostData = { ...data, seq: event.seq, at: event.at };
  switch (event.type) {
    case 'agent.started':
      next.host = { ...data.host, startedAt: event.data.startedAt, agentVersion: event.data.version };
      break;
    case 'run.changed':
      next.runs = withRun(data.runs, event.data.run);
      break;
    case 'run.progress':
      next.runs = data.runs.map((run) =>
        run.id === event.data.runId && run.state !== 'ended' ? { ...run, progress: event.data.progress } : run,
      );
      break;
    case 'tasks.changed':
      next.tasks = event.data.tasks;
      break;
    case 'schedule.changed':
      next.paused = event.data.paused;
      break;
    case 'config.changed':
      next.config = event.data.config;
      break;
    case 'report.changed':
      next.reports = replaced(data.reports, event.data.report);
      break;
    case 'report.removed':
      next.reports = data.reports.filter((report) => report.id !== event.data.id);
      break;
    case 'alert.changed':
      next.alerts = replaced(data.alerts, event.data.alert);
      break;
    case 'window.changed':
      next.windows = replaced(data.windows, event.data.window)
        .sort((a, b) => b.startsAt.localeCompare(a.startsAt))
        .slice(0, keptWindows);
      break;
    case 'runbooks.changed':
      next.runbooks = event.data.runbooks;
      break;
  }
  return next;
}

/** The order of runs everywhere. */
export function newestFirst(one: Run, other: Run): number {
  return other.queuedAt.localeCompare(one.queuedAt) || other.id.localeCompare(one.id);
}

/** Newest first; of each task at most `keptRunsPerTask` ended ones, and all open ones. */
function withRun(runs: readonly Run[], run: Run): Run[] {
  const all = replaced(runs, run).sort(newestFirst);
  const kept = new Map<string, number>();
  return all.filter((one) => {
    if (one.state !== 'ended') return true;
    const count = (kept.get(one.task) ?? 0) + 1;
    kept.set(one.task, count);
    return count <= keptRunsPerTask;
  });
}

function replaced<T extends { readonly id: string }>(list: readonly T[], item: T): T[] {
  const found = list.some((one) => one.id === item.id);
  return found ? list.map((one) => (one.id === item.id ? item : one)) : [item, ...list];
}
