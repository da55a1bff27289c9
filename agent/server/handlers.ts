/** What each method of the wire does: a table that does not compile when a method is missing. */
import { createHash } from 'node:crypto';
import type { Agent } from '../agent.ts';
import { maxOutputBytes, type MethodName, type MethodParams, type MethodResult } from '../protocol/methods.ts';
import type { Finding, Run } from '../protocol/nouns.ts';
import { describeProcedure } from '../procedures/describe.ts';
import { RunDirectory, type Launch } from '../run/directory.ts';
import { planOf } from '../run/plan.ts';
import { waitForOutput } from '../run/outputWait.ts';
import { ResultsReader } from '../run/results.ts';
import { listWindows } from '../store/documents.ts';
import { getRun, listRecentRuns, listRuns } from '../store/runs.ts';
import { readSamples } from '../store/samples.ts';
import type { Caller, Handlers } from './dispatch.ts';
import { OutputPieces } from './outputPieces.ts';
import { readRunReport } from './runReport.ts';
import { RequestError } from './requestError.ts';

const recentRunsPerTask = 5;
const listedWindows = 50;
const listedSeries = 200;
const defaultPoints = 200;

type Method<M extends MethodName> = (
  params: MethodParams<M>,
  caller: Caller,
) => Promise<MethodResult<M>> | MethodResult<M>;

/** The parts of the agent that requests reach. */
export type HandlerParts = Pick<
  Agent,
  | 'alerts'
  | 'checks'
  | 'clock'
  | 'database'
  | 'events'
  | 'holds'
  | 'hostInfo'
  | 'keeper'
  | 'library'
  | 'procedures'
  | 'reports'
  | 'runner'
  | 'runsRoot'
  | 'secrets'
  | 'tasks'
  | 'windows'
>;

export function createHandlers(parts: HandlerParts): Handlers {
  const outputOf = runOutput(parts);
  return {
    snapshot: () => takeSnapshot(parts),
    'tasks.run': async ({ task, requestId, dryRun, reason }, caller) => ({
      run: await parts.tasks.run(task, {
        requestId,
        dryRun: dryRun ?? false,
        reason: reason ?? null,
        actor: caller.actor,
      }),
    }),
    ...scheduleHandlers(parts),
    ...procedureHandlers(parts),
    'checks.run': ({ check }) => {
      const checks = parts.checks.runNow(check ?? null);
      if (check !== undefined && checks.length === 0)
        throw new RequestError('notFound', `There is no check "${check}".`);
      return { checks: [...checks] };
    },
    'samples.list': samplesList(parts),
    'runs.list': ({ task, limit, before }) => ({
      runs: [
        ...listRuns(parts.database, {
          task,
          limit: limit ?? 50,
          before: before === undefined ? undefined : Date.parse(before),
        }),
      ],
    }),
    'runs.get': ({ runId }) => getWhole(parts, runId),
    'runs.output': outputOf,
    'runs.report': ({ runId }) => readRunReport(runOrThrow(parts, runId), parts),
    'runs.cancel': async ({ runId, reason }, caller) => ({
      run: await parts.tasks.cancel(runId, caller.actor, reason ?? null),
    }),
    'runs.approve': ({ runId, reason }, caller) => ({ run: parts.tasks.approve(runId, caller, reason ?? null) }),
    'runs.reject': ({ runId, reason }, caller) => ({ run: parts.tasks.reject(runId, caller.actor, reason ?? null) }),
    'alerts.acknowledge': ({ alertId }, caller) => ({ alert: parts.alerts.acknowledge(alertId, caller.actor) }),
    'windows.open': ({ requestId, title, reason, minutes, plan }, caller) => {
      for (const task of plan ?? []) parts.tasks.require(task);
      return {
        window: parts.windows.open({
          requestId,
          title: title ?? null,
          reason,
          minutes,
          plan: plan ?? [],
          actor: caller.actor,
        }),
      };
    },
    'windows.extend': ({ windowId, minutes }, caller) => ({
      window: parts.windows.extend(windowId, minutes, caller.actor),
    }),
    'windows.end': ({ windowId, reason }, caller) => ({
      window: parts.windows.end(windowId, caller.actor, reason ?? null),
    }),
    'windows.list': ({ limit }) => ({ windows: [...listWindows(parts.database, limit ?? listedWindows)] }),
    'runbooks.get': ({ path }) => parts.library.get(path),
    'runbooks.runBlock': async (block, caller) => {
      const sha256 = createHash('sha256').update(block.text, 'utf8').digest('hex');
      if (sha256 !== block.sha256) {
        throw new RequestError('refused', 'The text is not the one that was confirmed: open the runbook again.');
      }
      return { run: await parts.tasks.runBlock(block, { requestId: block.requestId, actor: caller.actor }) };
    },
    'config.reload': async () => {
      await parts.keeper.reload();
      return { config: parts.keeper.state() };
    },
  };
}

function procedureHandlers({
  tasks,
}: HandlerParts): Pick<Handlers, 'procedures.run' | 'procedures.preview' | 'procedures.choices'> {
  return {
    'procedures.run': async ({ procedure, options, requestId, dryRun, reason }, caller) => ({
      run: await tasks.runProcedure(procedure, options, {
        requestId,
        dryRun: dryRun ?? false,
        reason: reason ?? null,
        actor: caller.actor,
      }),
    }),
    'procedures.preview': ({ procedure, options }) => tasks.preview(procedure, options),
    'procedures.choices': ({ procedure }) => tasks.choices(procedure),
  };
}

function scheduleHandlers(parts: HandlerParts): Pick<Handlers, 'tasks.snooze' | 'schedule.pause' | 'schedule.resume'> {
  return {
    'tasks.snooze': ({ task, until, reason }, caller) => {
      if (parts.tasks.describe(task).schedule === null) {
        throw new RequestError('conflict', `"${task}" has no schedule that could be snoozed.`);
      }
      const end = until === null ? null : Date.parse(until);
      parts.holds.snooze(task, end, { actor: caller.actor, reason: reason ?? null });
      return { task: parts.tasks.describe(task) };
    },
    'schedule.pause': ({ reason }, caller) => ({
      paused: parts.holds.pause({ actor: caller.actor, reason: reason ?? null }),
    }),
    'schedule.resume': ({ reason }, caller) => {
      parts.holds.resume({ actor: caller.actor, reason: reason ?? null });
      return { paused: null };
    },
  };
}

function samplesList(parts: HandlerParts): Method<'samples.list'> {
  return ({ from, to, points, ...which }) => ({
    series: [
      ...readSamples(parts.database, {
        ...which,
        from: Date.parse(from),
        to: to === undefined ? parts.clock.now() + 1 : Date.parse(to),
        points: points ?? defaultPoints,
        limit: listedSeries,
      }),
    ],
  });
}

function takeSnapshot(parts: HandlerParts): MethodResult<'snapshot'> {
  const open = parts.runner.openRuns();
  const openIds = new Set(open.map((run) => run.id));
  const ended = listRecentRuns(parts.database, recentRunsPerTask).filter((run) => !openIds.has(run.id));
  return {
    epoch: parts.events.epoch,
    seq: parts.events.latest(),
    at: new Date(parts.clock.now()).toISOString(),
    host: parts.hostInfo(),
    config: parts.keeper.state(),
    tasks: [...parts.tasks.list()],
    paused: parts.holds.paused(),
    runs: [...open, ...ended].sort((one, other) =>
      one.queuedAt < other.queuedAt ? 1 : one.queuedAt > other.queuedAt ? -1 : 0,
    ),
    reports: [...parts.reports.list()],
    alerts: [...parts.alerts.open()],
    windows: [...listWindows(parts.database, listedWindows)],
    runbooks: [...parts.library.list()],
    procedures: [...new Set(parts.procedures.values())].map(describeProcedure),
  };
}

function runOutput(parts: HandlerParts): Method<'runs.output'> {
  const pieces = new OutputPieces();
  return async ({ runId, offset, limit, wait }, caller) => {
    const directory = RunDirectory.of(parts.runsRoot, runId);
    const first = runOrThrow(parts, runId);
    if (directory === null) throw new RequestError('notFound', `There is no run ${runId}.`);
    const ended = parts.runner.whenEnded(runId);
    if (wait === true && ended !== null && first.state !== 'ended') {
      await waitForOutput(directory.output, offset, ended, caller.signal, parts.secrets.masker);
    }
    await caller.room();
    // Asked before reading: output written after the answer "ended" would otherwise be missed.
    const over = runOrThrow(parts, runId).state === 'ended';
    const { masker } = parts.secrets;
    return pieces.get({ file: directory.output, offset, limit: limit ?? maxOutputBytes, ended: over, masker });
  };
}

function getWhole(parts: HandlerParts, runId: string): MethodResult<'runs.get'> {
  const run = runOrThrow(parts, runId);
  return { run, findings: findingsOf(parts, runId), plan: planOf(launchIn(parts, runId), parts.secrets) };
}

/** A folder that can not be read keeps nobody from the record of its run, which says so where it matters. */
function launchIn(parts: HandlerParts, runId: string): Launch | null {
  try {
    return RunDirectory.of(parts.runsRoot, runId)?.readLaunch() ?? null;
  } catch {
    return null;
  }
}

function runOrThrow(parts: HandlerParts, runId: string): Run {
  const open = parts.runner.openRuns().find((run) => run.id === runId);
  const run = open ?? getRun(parts.database, runId);
  if (run === null) throw new RequestError('notFound', `There is no run ${runId}.`);
  return run;
}

function findingsOf(parts: HandlerParts, runId: string): MethodResult<'runs.get'>['findings'] {
  const directory = RunDirectory.of(parts.runsRoot, runId);
  const findings: MethodResult<'runs.get'>['findings'] = [];
  if (directory === null) return findings;
  const on = { finding: (finding: Finding) => findings.push(finding), progress: () => undefined };
  const reader = new ResultsReader(directory.results, on, parts.secrets);
  reader.readIfThere();
  return findings;
}
