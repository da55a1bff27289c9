/** A run as a bar of the timeline. */
import { findingLevels, type Outcome, type Run } from '../../agent/protocol/nouns.ts';
import type { Bar, Mark } from '../../webview/dashboardSchema.ts';
import { lookOfRun, progressOf } from '../views/runText.ts';
import { duration, localTime, plain } from '../views/text.ts';

const markOfOutcome: Readonly<Record<Outcome, Mark>> = {
  changed: 'pass',
  unchanged: 'pass',
  warning: 'warning',
  failed: 'error',
  'timed-out': 'timedOut',
  cancelled: 'cancelled',
  lost: 'lost',
  skipped: 'skipped',
  missed: 'missed',
};

export function markOfRun(run: Run): Mark {
  if (run.state === 'queued') return 'clock';
  if (run.state !== 'ended') return 'running';
  return markOfOutcome[run.outcome ?? 'lost'];
}

/** `from` and `to`: where it stands, in milliseconds since 1970. */
export function barOf(host: string, run: Run, from: number, to: number): Bar {
  const look = lookOfRun(run);
  return {
    id: run.id,
    from,
    to,
    tone: look.tone,
    mark: markOfRun(run),
    title: `${plain(run.task)}: ${look.text}`,
    lines: linesOf(run, to - from),
    command: run.startedAt === null ? null : { name: 'openOutput', host, runId: run.id },
  };
}

function linesOf(run: Run, length: number): string[] {
  const when = localTime(run.startedAt ?? run.scheduledFor ?? run.queuedAt);
  const took =
    run.startedAt === null
      ? 'did not start'
      : run.state === 'ended'
        ? `took ${duration(run.durationMs ?? length)}`
        : `for ${duration(length)}`;
  const told = findingLevels
    .filter((level) => level !== 'ok' && run.findings[level] > 0)
    .map((level) => `${run.findings[level]} ${level}`);
  return [
    run.state === 'queued' ? `queued ${when}` : `${when}, ${took}`,
    ...(run.outcomeReason === null ? [] : [plain(run.outcomeReason)]),
    ...(run.state === 'running' && run.progress !== null ? [progressOf(run)] : []),
    ...(told.length === 0 ? [] : [`Findings: ${told.join(', ')}`]),
    [
      `started by ${plain(run.actor)}${run.trigger === run.actor ? '' : ` (${run.trigger})`}`,
      ...(run.dryRun ? ['dry run'] : []),
      ...(run.attempt > 1 ? [`attempt ${run.attempt}`] : []),
    ].join(' · '),
    ...(run.reason === null ? [] : [`Reason: ${plain(run.reason)}`]),
  ];
}
