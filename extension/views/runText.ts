/** How a run looks and reads, in whichever view. */
import type { Outcome, Run } from '../../agent/protocol/nouns.ts';
import { approvalWaitText, awaitsApproval } from './approvals.ts';
import type { Tone, TreeNode } from './node.ts';
import { duration, localTime, plain, relative, untilText } from './text.ts';

interface Look {
  readonly icon: string;
  readonly tone: Tone;
  readonly text: string;
}

const looks: Readonly<Record<Outcome, Look>> = {
  changed: { icon: 'pass', tone: 'good', text: 'succeeded' },
  unchanged: { icon: 'pass', tone: 'good', text: 'nothing to do' },
  warning: { icon: 'warning', tone: 'warning', text: 'warning' },
  failed: { icon: 'error', tone: 'bad', text: 'failed' },
  'timed-out': { icon: 'clock', tone: 'bad', text: 'timed out' },
  cancelled: { icon: 'circle-slash', tone: 'muted', text: 'cancelled' },
  lost: { icon: 'question', tone: 'bad', text: 'lost' },
  skipped: { icon: 'debug-step-over', tone: 'muted', text: 'skipped' },
  missed: { icon: 'bell-slash', tone: 'bad', text: 'missed' },
};

export function lookOfRun(run: Run): Look {
  switch (run.state) {
    case 'queued':
      return queuedLook(run);
    case 'running':
      return { icon: 'sync~spin', tone: 'busy', text: 'running' };
    case 'stopping':
      return { icon: 'sync~spin', tone: 'warning', text: 'stopping' };
    case 'ended':
      // What would have been done is in its output: "nothing to do" might be untrue.
      if (run.dryRun && run.outcome === 'unchanged') return { ...looks.unchanged, text: 'dry run ended' };
      return run.outcome === null ? looks.lost : looks[run.outcome];
  }
}

const waitIcons: Readonly<Record<NonNullable<Run['waitingFor']>, string>> = {
  turn: 'clock',
  lock: 'lock',
  limit: 'clock',
  retry: 'history',
  approval: 'account',
  requires: 'checklist',
};

function queuedLook({ waitingFor }: Run): Look {
  if (waitingFor === 'approval') return { icon: waitIcons.approval, tone: 'warning', text: 'waits for approval' };
  return {
    icon: waitIcons[waitingFor ?? 'turn'],
    tone: 'busy',
    text: waitingFor === 'retry' ? 'waits to try again' : 'queued',
  };
}

/** Why a queued run waits, and until when at the latest: `waits for the lock "db"`, `waits for its next attempt (2 of 4), in 3 min`. */
function waitText(run: Run, now: Date): string {
  const { waitingFor, waitingReason, waitingUntil } = run;
  if (waitingFor === 'retry') {
    const attempt = run.attempts === null || run.attempts === undefined ? '' : ` (${run.attempt} of ${run.attempts})`;
    const when = waitingUntil === null || waitingUntil === undefined ? '' : `, ${relative(waitingUntil, now)}`;
    return `${plain(waitingReason ?? 'waits for its next attempt')}${attempt}${when}`;
  }
  if (awaitsApproval(run)) return `${approvalWaitText(run)}, until ${untilText(run.approval.expiresAt, now)}`;
  if (waitingReason === null || waitingReason === undefined) return `queued ${relative(run.queuedAt, now)}`;
  return `${plain(waitingReason)}${waitingUntil === null || waitingUntil === undefined ? '' : `, until ${untilText(waitingUntil, now)}`}`;
}

/** `running 12 s, 3 of 10 tables`; of an ended run `3 min ago, 4.2 s`. */
export function timesOfRun(run: Run, now: Date): string {
  if (run.state === 'queued') return waitText(run, now);
  if (run.state !== 'ended') {
    const since = duration(now.getTime() - Date.parse(run.startedAt ?? run.queuedAt));
    return [`${run.state} ${since}`, progressOf(run)].filter((part) => part !== '').join(', ');
  }
  const when = relative(run.endedAt ?? run.queuedAt, now);
  return run.durationMs === null ? when : `${when}, ${duration(run.durationMs)}`;
}

/** `3 of 10 tables`, or the message; empty when nothing is known. */
export function progressOf(run: Run): string {
  const { progress } = run;
  if (progress === null) return '';
  const unit = progress.unit === undefined ? '' : ` ${plain(progress.unit)}`;
  const count =
    progress.total === undefined ? `${progress.done}${unit}` : `${progress.done} of ${progress.total}${unit}`;
  return progress.message === undefined ? count : `${count}: ${plain(progress.message)}`;
}

/** Procedures whose runs write a report. */
const reporting: ReadonlySet<string> = new Set(['analyze-logs']);

/** Whether it has written a report, which can be opened while the agent keeps it. */
export function hasReport({ state, outcome, procedure, dryRun }: Run): boolean {
  const went = outcome === 'changed' || outcome === 'unchanged' || outcome === 'warning';
  return state === 'ended' && went && !dryRun && procedure !== null && reporting.has(procedure);
}

/** `named`: the task stands in the label; `words`: more for `when` clauses. */
export function runNode(
  run: Run,
  host: string,
  now: Date,
  prefix: string,
  { named = false, words = [] }: { readonly named?: boolean; readonly words?: readonly string[] } = {},
): TreeNode {
  const look = lookOfRun(run);
  const when = localTime(run.startedAt ?? run.queuedAt);
  const reason = run.outcomeReason === null ? [] : [plain(run.outcomeReason)];
  const length = run.state === 'ended' && run.durationMs !== null ? [duration(run.durationMs)] : [];
  const now_ = run.state === 'ended' ? [look.text] : [timesOfRun(run, now)];
  return {
    id: `${prefix}/run/${run.id}`,
    label: named ? plain(run.task) : when,
    description: [...(named ? [when] : []), ...now_, ...length, ...(run.dryRun ? ['dry run'] : []), run.trigger].join(
      ' · ',
    ),
    tooltip: [
      `${plain(run.task)}: ${look.text}`,
      ...reason,
      `Started by ${plain(run.actor)} (${run.trigger})`,
      ...(run.reason === null ? [] : [`Reason: ${plain(run.reason)}`]),
      `Run ${run.id}, attempt ${run.attempt}${run.adopted ? ', taken over by a restarted agent' : ''}`,
    ],
    icon: look.icon,
    tone: look.tone,
    context: [
      'run',
      run.state === 'ended' ? 'ended' : 'open',
      ...(hasReport(run) ? ['withReport'] : []),
      ...words,
    ].join(' '),
    target: { kind: 'run', host, runId: run.id },
    action: 'openOutput',
  };
}
