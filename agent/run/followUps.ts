/** What follows from the end of a run: its next attempt, or the clean-up after it. Pure. */
import type { Run } from '../protocol/nouns.ts';
import type { Launch } from './directory.ts';
import { newRun } from './request.ts';
import { retryAfter } from './retry.ts';
import { defaultSettings } from './settings.ts';

export interface FollowUp {
  readonly kind: 'retry' | 'clean-up';
  /** Carries the run's record. */
  readonly launch: Launch;
  /** Milliseconds since the epoch; null = at once. */
  readonly notBefore: number | null;
}

/** `now` in milliseconds since the epoch; `random` from 0 up to 1; `claims` are what the ended run held. */
export function followUpsOf(
  run: Run,
  launch: Launch,
  given: { readonly now: number; readonly random: number; readonly claims: readonly string[] },
): readonly FollowUp[] {
  return [cleanUpAfter(run, launch, given), nextAttempt(run, launch, given)].filter((item) => item !== null);
}

function nextAttempt(
  run: Run,
  launch: Launch,
  { now, random }: { readonly now: number; readonly random: number },
): FollowUp | null {
  const delay = retryAfter(run, launch.settings.retries, random);
  if (delay === null) return null;
  const notBefore = now + delay;
  const fresh = newRun(
    {
      ...run,
      trigger: 'retry',
      scheduledFor: run.scheduledFor === null ? null : Date.parse(run.scheduledFor),
      requestId: null,
      timeoutMs: launch.timeoutMs,
      alertOn: launch.alertOn,
      settings: launch.settings,
    },
    now,
    { attempt: run.attempt + 1, retryOf: run.retryOf ?? run.id },
  );
  const next: Run = {
    ...fresh,
    // Who approved the first attempt approved what it takes.
    approval: run.approval ?? null,
    waitingFor: 'retry',
    waitingReason: 'waits for its next attempt',
    waitingUntil: new Date(notBefore).toISOString(),
  };
  const variables = { ...launch.variables, UPKEEP_ATTEMPT: String(next.attempt) };
  return { kind: 'retry', launch: { ...launch, run: next, deadline: null, variables }, notBefore };
}

/** After a stop only; a run that waited had nothing to clean up, and a clean-up gets none of its own. */
function cleanUpAfter(
  run: Run,
  launch: Launch,
  { now, claims }: { readonly now: number; readonly claims: readonly string[] },
): FollowUp | null {
  const { onAbort } = launch.settings;
  const stopped = run.outcome === 'cancelled' || run.outcome === 'timed-out';
  if (onAbort === null || !stopped || run.startedAt === null || run.dryRun) return null;
  const settings = { ...defaultSettings, locks: onAbort.locks, user: onAbort.user, cwd: launch.settings.cwd };
  const fresh = newRun(
    {
      task: onAbort.task,
      kind: 'task',
      procedure: onAbort.procedure,
      trigger: 'remedy',
      actor: 'upkeep',
      reason: `clean-up after the run ${run.id}, which was ${run.outcome === 'cancelled' ? 'cancelled' : 'timed out'}`,
      dryRun: false,
      scheduledFor: null,
      windowId: run.windowId,
      requestId: null,
      timeoutMs: onAbort.timeoutMs,
      alertOn: launch.alertOn,
      settings,
    },
    now,
  );
  return {
    kind: 'clean-up',
    notBefore: null,
    launch: {
      run: fresh,
      command: onAbort.command,
      self: onAbort.self,
      options: onAbort.options,
      script: onAbort.script,
      scriptSha256: null,
      deadline: null,
      timeoutMs: onAbort.timeoutMs,
      alertOn: launch.alertOn,
      settings,
      ahead: true,
      claims: [...claims],
      environmentOf: onAbort.environmentOf,
      variables: {
        UPKEEP_ABORTED_RUN: run.id,
        UPKEEP_ABORTED_TASK: run.task,
        UPKEEP_ABORTED_OUTCOME: run.outcome ?? '',
      },
    },
  };
}
