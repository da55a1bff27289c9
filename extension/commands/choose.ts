/** Questions that several commands ask: which host, which task, which run. */
import type { MaintenanceWindow, Run, Task } from '../../agent/protocol/nouns.ts';
import { chosen, type Choice, type Dialogs } from '../dialogs.ts';
import type { Host } from '../state/host.ts';
import type { Hosts } from '../state/hosts.ts';
import { phaseOf, windowTimeText } from '../views/maintenanceModel.ts';
import type { Target, TargetKind, TargetOf } from '../views/node.ts';
import { lookOfRun } from '../views/runText.ts';
import { relative } from '../views/text.ts';

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

/** The host of the target, the only connected one, or the one that the person picks. */
export async function chooseHost(
  { hosts, dialogs }: Asking,
  target: Target | undefined,
  title: string,
): Promise<Host | undefined> {
  if (target !== undefined && 'host' in target && target.host !== null) return requireHost(hosts, target.host);
  const online = hosts.all.filter((host) => host.client.state.kind === 'online');
  if (online.length === 0)
    throw new Error('no host is connected: add one with "Upkeep: Add Host…", or create a configuration');
  if (online.length === 1) return online[0];
  return chosen(await dialogs.pick(online.map(hostChoice), { title, placeholder: 'Host' }));
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
): Promise<ChosenTask | undefined> {
  const given = targetAs(target, 'task');
  if (given !== undefined) return { host: requireHost(hosts, given.host), task: given.task };
  const fitting = hosts.all
    .filter((host) => host.client.state.kind === 'online')
    .flatMap((host) => (host.store.data?.tasks ?? []).filter(fits).map((task) => ({ host, task })));
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
