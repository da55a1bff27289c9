/** Runs that wait for people: who may approve them, and what they are told before they do. Pure. */
import type { Approval, ProcedureInfo, Run, RunPlan } from '../../agent/protocol/nouns.ts';
import type { HostView } from '../state/host.ts';
import { permits } from '../state/permissions.ts';
import { optionsText } from './procedureText.ts';
import { duration, plain, relative, untilText } from './text.ts';

export type WaitingRun = Run & { readonly approval: Approval };
export type Person = Pick<HostView, 'role' | 'actor'>;

export function awaitsApproval(run: Run): run is WaitingRun {
  return run.state === 'queued' && run.waitingFor === 'approval' && run.approval !== null && run.approval !== undefined;
}

/** Why this person can not approve it, as one clause; null = they can. The agent decides by the same rules. */
export function approvalProblem({ approval, actor }: WaitingRun, person: Person): string | null {
  if (person.role === null || !permits(person.role, 'runs.approve') || !approval.roles.includes(person.role))
    return `this run is approved by the role ${approval.roles.join(' or ')}; yours is ${person.role ?? 'not known'}`;
  if (approval.required > 1 && person.actor === actor)
    return `you asked for this run (${actor}), so two other people must approve it`;
  if (approval.given.some((one) => one.actor === person.actor))
    return 'you have approved this run already: another person must, too';
  return null;
}

/** Of all hosts, oldest first: what this person may approve. */
export function approvalsFor(
  hosts: readonly HostView[],
): readonly { readonly host: HostView; readonly run: WaitingRun }[] {
  return hosts
    .filter((host) => host.connection.kind === 'online')
    .flatMap((host) =>
      (host.data?.runs ?? [])
        .filter(awaitsApproval)
        .filter((run) => approvalProblem(run, host) === null)
        .map((run) => ({ host, run })),
    )
    .sort((a, b) => a.run.queuedAt.localeCompare(b.run.queuedAt));
}

/** `waits for 1 approval (operator or admin)`, `waits for 1 more approval (admin), given by carol`. */
export function approvalWaitText({ approval: { required, given, roles } }: WaitingRun): string {
  const left = required - given.length;
  const more = given.length === 0 ? '' : ' more';
  const by = given.length === 0 ? '' : `, given by ${given.map(({ actor }) => plain(actor)).join(', ')}`;
  return `waits for ${left}${more} ${left === 1 ? 'approval' : 'approvals'} (${roles.join(' or ')})${by}`;
}

/** `db-01: alice asks to run drop_partitions (bloat): it needs the approval of 2 people`. */
export function approvalRequestText(host: string, run: WaitingRun): string {
  const left = run.approval.required - run.approval.given.length;
  const why = run.reason === null || run.reason === '' ? '' : ` (${run.reason})`;
  const who = run.trigger === 'schedule' || run.trigger === 'catch-up' ? 'the schedule' : run.actor;
  return `${host}: ${who} asks to run ${run.task}${why}: it needs the approval of ${left} ${left === 1 ? 'person' : 'people'}`;
}

export interface WhatIsKnown {
  readonly plan: RunPlan | null;
  /** Of its procedure with its options. */
  readonly impact: string | null;
  readonly procedures: readonly ProcedureInfo[];
}

/** Lines of the question before someone approves: what would run, who asked and why, how many must agree. */
export function approvalDetail(
  host: { readonly name: string; readonly place: string },
  run: WaitingRun,
  known: WhatIsKnown,
  now: Date,
): string {
  const { required, given, roles, expiresAt } = run.approval;
  const soFar = given.length === 0 ? '' : ` (${given.map((one) => plain(one.actor)).join(', ')})`;
  const from =
    required === 1 ? roles.join(' or ') : `different people, ${roles.join(' or ')}, other than ${plain(run.actor)}`;
  return [
    ...whatRuns(run, known),
    `Host: ${plain(host.name)} (${plain(host.place)})`,
    `Asked for by: ${plain(run.actor)} (${run.trigger}), ${relative(run.queuedAt, now)}`,
    `Reason: ${run.reason === null || run.reason === '' ? 'none was given' : plain(run.reason)}`,
    `Approvals: ${given.length} of ${required}${soFar}; from ${from}`,
    `Skipped if they do not come until: ${untilText(expiresAt, now)}`,
  ].join('\n');
}

function whatRuns(run: Run, { plan, impact, procedures }: WhatIsKnown): readonly string[] {
  const dryRun = run.dryRun ? ['Dry run: the plan is printed, nothing is changed'] : [];
  const info = procedures.find((one) => one.name === run.procedure);
  const named =
    info === undefined ? [] : [`Procedure: ${plain(info.title)} (${plain(info.name)}): ${plain(info.summary)}`];
  if (plan === null) return [...named, 'What it runs in detail is not recorded on this host', ...dryRun];
  const command = plan.options === null ? [`Command: ${plan.command.map(plain).join(' ')}`] : [];
  return [
    ...(named.length === 0 && run.procedure !== null ? [`Procedure: ${plain(run.procedure)}`] : named),
    ...command,
    ...(plan.options === null ? [] : [`Options: ${optionsText(plan.options)}`]),
    ...(impact === null ? [] : [`What it does: ${plain(impact)}`]),
    ...(plan.user === null ? [] : [`As user: ${plain(plan.user)}`]),
    ...(plan.locks.length === 0 ? [] : [`Locks: ${plan.locks.map(plain).join(', ')}`]),
    ...(plan.timeoutMs === null ? [] : [`Stopped after: ${duration(plan.timeoutMs)}`]),
    ...dryRun,
  ];
}
