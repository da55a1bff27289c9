/** Questions that several commands ask: which host, which task, which run. */
import { errorCodes } from '../../agent/protocol/errors.ts';
import type { MethodName } from '../../agent/protocol/methods.ts';
import type { MaintenanceWindow, Run, Task } from '../../agent/protocol/nouns.ts';
import { AgentError } from '../client/errors.ts';
import { chosen, type Choice, type Dialogs } from '../dialogs.ts';
import type { Host } from '../state/host.ts';
import type { HostData } from '../state/hostData.ts';
import type { Hosts } from '../state/hosts.ts';
import { lackOfRole, permits } from '../state/permissions.ts';
import { phaseOf, windowTimeText } from '../views/maintenanceModel.ts';
import type { Target, TargetKind, TargetOf } from '../views/node.ts';
import { lookOfRun } from '../views/runText.ts';
import { relative } from '../views/text.ts';

/** A word of the person for the record; never empty. Undefined: they gave up. */
export async function askReason(
  { dialogs }: Pick<Asking, 'dialogs'>,
  options: { readonly title: string; readonly prompt: string },
): Promise<string | undefined> {
  const validate = (text: string): string | null => (text.trim() === '' ? 'A reason is needed' : null);
  return chosen(await dialogs.input({ ...options, validate }))?.trim();
}

/** Asks the agent; when it wants a reason (a blackout), asks the person for one and then the agent again. Undefined: they gave up. */
export async function withReason<R>(
  asking: Pick<Asking, 'dialogs'>,
  title: string,
  ask: (given: { readonly reason?: string }) => Promise<R>,
): Promise<R | undefined> {
  try {
    return await ask({});
  } catch (error) {
    if (!(error instanceof AgentError) || error.code !== errorCodes.reasonNeeded) throw error;
    const reason = await askReason(asking, { title, prompt: error.message });
    return reason === undefined ? undefined : ask({ reason });
  }
}

export interface Asking {
  readonly hosts: Hosts;
  readonly dialogs: Dialogs;
}

/** The target when it is of one of these kinds. */
export function targetAs<K extends TargetKind>(target: Target | undefined, ...kinds: K[]): TargetOf<K> | undefined {
  return target !== undefined && (kinds as TargetKind[]).includes(target.kind) ? (target as TargetOf<K>) : undefined;
}

export function requireHost(hosts: Hosts, name: string): Host {
  const host = hosts.get(name);
  if (host === undefined) throw new Error(`there is no host "${name}" any more: refresh the view`);
  return host;
}

/** Throws what the agent would answer, before anything is asked. */
export function requirePermission(host: Host, method: MethodName): void {
  // While there is no connection the role is not known; the agent judges once there is one.
  if (host.role !== null && !permits(host.role, method)) throw new Error(lackOfRole(host.name, host.role, method));
}

/** Connected hosts on which the person may call the method; throws when there is none. */
export function permittedHosts(hosts: Hosts, needs: MethodName | null): readonly Host[] {
  const online = hosts.all.filter((host) => host.client.state.kind === 'online');
  const [first] = online;
  if (first === undefined)
    throw new Error('no host is connected: add one with "Upkeep: Add Host…", or create a configuration');
  const permitted = online.filter((host) => needs === null || permits(host.role, needs));
  if (permitted.length === 0 && needs !== null) throw new Error(lackOfRole(first.name, first.role, needs));
  return permitted;
}

/** The host of the target, the only fitting one, or the one that the person picks. `needs`: what will be asked of it. */
export async function chooseHost(
  { hosts, dialogs }: Asking,
  target: Target | undefined,
  title: string,
  needs: MethodName | null = null,
): Promise<Host | undefined> {
  if (target !== undefined && 'host' in target && target.host !== null) {
    const host = requireHost(hosts, target.host);
    if (needs !== null) requirePermission(host, needs);
    return host;
  }
  const permitted = permittedHosts(hosts, needs);
  if (permitted.length === 1) return permitted[0];
  return chosen(await dialogs.pick(permitted.map(hostChoice), { title, placeholder: 'Host' }));
}

export interface HostsWanted {
  readonly needs: MethodName;
  readonly fits: (data: HostData) => boolean;
  /** Said when no host fits. */
  readonly none: string;
}

/** As `chooseHost`, but the person may pick several; empty when they gave up. */
export async function chooseHosts(
  { hosts, dialogs }: Asking,
  target: Target | undefined,
  title: string,
  { needs, fits, none }: HostsWanted,
): Promise<readonly Host[]> {
  const given = targetAs(target, 'host');
  if (given !== undefined) {
    const host = requireHost(hosts, given.host);
    requirePermission(host, needs);
    return [host];
  }
  const fitting = permittedHosts(hosts, needs).filter(({ store }) => store.data !== null && fits(store.data));
  if (fitting.length === 0) throw new Error(none);
  if (fitting.length === 1) return fitting;
  return chosen(await dialogs.pickMany(fitting.map(hostChoice), { title, placeholder: 'Hosts' })) ?? [];
}

export function hostChoice(host: Host): Choice<Host> {
  return { label: host.name, description: host.place, value: host };
}

export interface ChosenTask {
  readonly host: Host;
  readonly task: string;
}

export async function chooseTask(
  { hosts, dialogs }: Asking,
  target: Target | undefined,
  title: string,
  fits: (task: Task) => boolean,
  needs: MethodName,
): Promise<ChosenTask | undefined> {
  const given = targetAs(target, 'task');
  if (given !== undefined) {
    const host = requireHost(hosts, given.host);
    requirePermission(host, needs);
    return { host, task: given.task };
  }
  const fitting = permittedHosts(hosts, needs).flatMap((host) =>
    (host.store.data?.tasks ?? []).filter(fits).map((task) => ({ host, task })),
  );
  if (fitting.length === 0) throw new Error('no connected host has such a task');
  const now = new Date();
  const choices = fitting.map((one) => ({
    label: one.task.name,
    description: one.host.name,
    detail: [one.task.description, one.task.nextRun === null ? null : `next ${relative(one.task.nextRun, now)}`]
      .filter((part) => part !== null)
      .join(' · '),
    value: { host: one.host, task: one.task.name },
  }));
  return chosen(await dialogs.pick(choices, { title, placeholder: 'Task' }));
}

export interface ChosenRun {
  readonly host: Host;
  readonly runId: string;
  readonly task: string;
}

/** The run of the target; of a task its newest fitting run. */
export async function chooseRun(
  { hosts, dialogs }: Asking,
  target: Target | undefined,
  title: string,
  fits: (run: Run) => boolean,
): Promise<ChosenRun | undefined> {
  const all = hosts.all.flatMap((host) => (host.store.data?.runs ?? []).map((run) => ({ host, run })));
  const exact = targetAs(target, 'run', 'alert');
  if (exact !== undefined && exact.runId !== null) {
    const run = all.find((one) => one.run.id === exact.runId)?.run;
    return { host: requireHost(hosts, exact.host), runId: exact.runId, task: run?.task ?? 'output' };
  }
  const ofTask = targetAs(target, 'task');
  const fitting = all.filter(
    ({ host, run }) => fits(run) && (ofTask === undefined || (host.name === ofTask.host && run.task === ofTask.task)),
  );
  if (fitting.length === 0)
    throw new Error(ofTask === undefined ? 'there is no such run' : `${ofTask.task} has no such run`);
  const [newest] = fitting;
  if (ofTask !== undefined && newest !== undefined) return asChosen(newest);
  const now = new Date();
  const choices = fitting.map((one) => ({
    label: one.run.task,
    description: [one.host.name, lookOfRun(one.run).text, relative(one.run.queuedAt, now)].join(' · '),
    value: one,
  }));
  const one = chosen(await dialogs.pick(choices, { title, placeholder: 'Run' }));
  return one === undefined ? undefined : asChosen(one);
}

export interface ChosenWindow {
  readonly host: Host;
  readonly window: MaintenanceWindow;
}

/** The window of the target, the only open one, or the one that the person picks. */
export async function chooseWindow(
  { hosts, dialogs }: Asking,
  target: Target | undefined,
  title: string,
): Promise<ChosenWindow | undefined> {
  const given = targetAs(target, 'window');
  const open = hosts.all.flatMap((host) =>
    (host.store.data?.windows ?? []).filter((window) => phaseOf(window) === 'open').map((window) => ({ host, window })),
  );
  if (given !== undefined) {
    const found = open.find(({ host, window }) => host.name === given.host && window.id === given.windowId);
    if (found === undefined) throw new Error('this window is not open any more');
    return found;
  }
  if (open.length === 0) throw new Error('no maintenance window is open');
  if (open.length === 1) return open[0];
  const now = new Date();
  const choices = open.map((one) => ({
    label: one.window.title,
    description: `${one.host.name} · ${windowTimeText(one.window, now)}`,
    value: one,
  }));
  return chosen(await dialogs.pick(choices, { title, placeholder: 'Window' }));
}

function asChosen({ host, run }: { readonly host: Host; readonly run: Run }): ChosenRun {
  return { host, runId: run.id, task: run.task };
}
