/** Approve and reject runs that wait for people, after what would run was shown. */
import type { RunPlan } from '../../agent/protocol/nouns.ts';
import { AgentError } from '../client/errors.ts';
import { chosen } from '../dialogs.ts';
import type { Handlers } from '../registrar.ts';
import type { Host } from '../state/host.ts';
import { lackOfRole, permits } from '../state/permissions.ts';
import { approvalDetail, approvalProblem, awaitsApproval, type WaitingRun } from '../views/approvals.ts';
import type { Target } from '../views/node.ts';
import { relative } from '../views/text.ts';
import { askReason, requireHost, requirePermission, targetAs, type Asking } from './choose.ts';
import { previewOf } from './preview.ts';

interface Choice {
  readonly host: Host;
  readonly run: WaitingRun;
}

export function approvalCommands(
  asking: Asking,
  tell: (text: string) => void,
): Pick<Handlers, 'approveRun' | 'rejectRun'> {
  return {
    approveRun: async (target) => {
      const choice = await chooseWaiting(asking, target, 'Approve Run', ({ host, run }) => problemOf(host, run));
      if (choice === undefined) return;
      const { host, run } = choice;
      const problem = problemOf(host, run);
      if (problem !== null) throw new Error(problem);
      const { plan } = await host.request('runs.get', { runId: run.id });
      const impact = await impactOf(host, run, plan ?? null);
      const known = { plan: plan ?? null, impact, procedures: host.store.data?.procedures ?? [] };
      const detail = approvalDetail(host, run, known, new Date());
      if (!(await asking.dialogs.confirm(`Approve ${run.task} on ${host.name}?`, detail, 'Approve'))) return;
      const { run: approved } = await host.request('runs.approve', { runId: run.id });
      await host.seen((data) => data.runs.some((one) => one.id === run.id && !isAsBefore(one.approval, run)));
      const left = run.approval.required - (approved.approval?.given.length ?? run.approval.required);
      tell(left > 0 ? `${run.task} needs ${left} more approval` : `${run.task} is approved on ${host.name}`);
    },

    rejectRun: async (target) => {
      const choice = await chooseWaiting(asking, target, 'Reject Run', ({ host }) =>
        permits(host.role, 'runs.reject') ? null : lackOfRole(host.name, host.role, 'runs.reject'),
      );
      if (choice === undefined) return;
      const { host, run } = choice;
      requirePermission(host, 'runs.reject');
      const asked = run.reason === null || run.reason === '' ? '' : `: ${run.reason}`;
      const reason = await askReason(asking, {
        title: `Reject ${run.task} on ${host.name}`,
        prompt: `Why it must not run, for ${run.actor} who asked for it${asked}`,
      });
      if (reason === undefined) return;
      await host.request('runs.reject', { runId: run.id, reason });
      await host.seen((data) => data.runs.some((one) => one.id === run.id && one.state === 'ended'));
      tell(`${run.task} is rejected on ${host.name}`);
    },
  };
}

/** Null where the agent does not tell, or the configuration has changed so that it can not. */
async function impactOf(host: Host, run: WaitingRun, plan: RunPlan | null): Promise<string | null> {
  if (run.dryRun || run.procedure === null || plan?.options === null || plan?.options === undefined) return null;
  try {
    return (await previewOf(host, run.procedure, plan.options))?.impact ?? null;
  } catch (error) {
    // A hint that is missing must not keep anyone from deciding; options may hold *** in place of a secret.
    if (error instanceof AgentError) return null;
    throw error;
  }
}

function problemOf(host: Host, run: WaitingRun): string | null {
  return approvalProblem(run, host.view());
}

function isAsBefore(approval: WaitingRun['approval'] | null | undefined, before: WaitingRun): boolean {
  return approval?.given.length === before.approval.given.length;
}

/** The run of the target, of a task the one that waits; else the only one that `problem` lets through, or the person picks. */
async function chooseWaiting(
  { hosts, dialogs }: Asking,
  target: Target | undefined,
  title: string,
  problem: (choice: Choice) => string | null,
): Promise<Choice | undefined> {
  const all = hosts.all
    .filter((host) => host.client.state.kind === 'online')
    .flatMap((host) => (host.store.data?.runs ?? []).filter(awaitsApproval).map((run) => ({ host, run })));
  const given = targetAs(target, 'run', 'task');
  if (given !== undefined) {
    requireHost(hosts, given.host);
    const found = all.find(
      ({ host, run }) =>
        host.name === given.host && (given.kind === 'run' ? run.id === given.runId : run.task === given.task),
    );
    if (found === undefined) throw new Error('this run does not wait for approval any more');
    return found;
  }
  const fitting = all.filter((choice) => problem(choice) === null);
  const [first] = all;
  if (fitting.length === 0)
    throw new Error(
      first === undefined ? 'no run waits for approval' : (problem(first) ?? 'no run waits for your approval'),
    );
  if (fitting.length === 1) return fitting[0];
  const now = new Date();
  const choices = fitting.map((one) => ({
    label: one.run.task,
    description: `${one.host.name} · asked for by ${one.run.actor} ${relative(one.run.queuedAt, now)}`,
    ...(one.run.reason === null ? {} : { detail: one.run.reason }),
    value: one,
  }));
  return chosen(await dialogs.pick(choices, { title, placeholder: 'Run' }));
}
