/** Start, extend and end maintenance windows. */
import { randomUUID } from 'node:crypto';
import type { MaintenanceWindow } from '../../agent/protocol/nouns.ts';
import { askInTurn, back, chosen, type Choice, type Dialogs, type Reply, type Step } from '../dialogs.ts';
import type { Handlers } from '../registrar.ts';
import type { Host } from '../state/host.ts';
import type { Hosts } from '../state/hosts.ts';
import { phaseOf } from '../views/maintenanceModel.ts';
import {
  chooseWindow,
  hostChoice,
  permittedHosts,
  requireHost,
  requirePermission,
  targetAs,
  type Asking,
} from './choose.ts';

interface Wanted {
  host: Host | undefined;
  reason: string;
  minutes: number;
  plan: readonly string[];
}

const lengths = [15, 30, 60, 120, 240];
const longestWindow = 7 * 24 * 60;
const longestExtension = 24 * 60;

export function windowCommands(asking: Asking): Pick<Handlers, 'startWindow' | 'extendWindow' | 'endWindow'> {
  const { hosts, dialogs } = asking;
  return {
    startWindow: async (target) => {
      const given = targetAs(target, 'host', 'task');
      const wanted: Wanted = {
        host: given === undefined ? undefined : requireHost(hosts, given.host),
        reason: '',
        minutes: 60,
        plan: given?.kind === 'task' ? [given.task] : [],
      };
      if (wanted.host !== undefined) requirePermission(wanted.host, 'windows.open');
      if (!(await askInTurn(questions(wanted, hosts, dialogs))) || wanted.host === undefined) return;
      const { host, reason, minutes, plan } = wanted;
      const { window } = await host.request('windows.open', {
        requestId: randomUUID(),
        title: reason.slice(0, 80),
        reason,
        minutes,
        plan: [...plan],
      });
      await seenWindow(host, window);
      if (window.mode.problem !== null)
        void dialogs.warn(`The window on ${host.name} is open, but maintenance mode is not on: ${window.mode.problem}`);
    },

    extendWindow: async (target) => {
      const choice = await chooseWindow(asking, target, 'Extend Window');
      if (choice === undefined) return;
      requirePermission(choice.host, 'windows.extend');
      const title = `Extend Window: ${choice.window.title}`;
      const minutes = chosen(await askLength(dialogs, title, 'Extend by', [15, 30, 60], longestExtension, 30));
      if (minutes === undefined) return;
      const { window } = await choice.host.request('windows.extend', { windowId: choice.window.id, minutes });
      await seenWindow(choice.host, window);
    },

    endWindow: async (target) => {
      const choice = await chooseWindow(asking, target, 'End Window');
      if (choice === undefined) return;
      requirePermission(choice.host, 'windows.end');
      const { host, window } = choice;
      const detail = 'Maintenance mode goes off, and alerts that were held are looked at again.';
      if (!(await dialogs.confirm(`End the window "${window.title}" on ${host.name} now?`, detail, 'End Window')))
        return;
      const ended = await host.request('windows.end', { windowId: window.id });
      await seenWindow(host, ended.window);
      if (ended.window.mode.problem !== null)
        void dialogs.error(`Maintenance mode on ${host.name} is not off: ${ended.window.mode.problem}`);
    },
  };
}

function seenWindow(host: Host, window: MaintenanceWindow): Promise<void> {
  return host.seen((data) =>
    data.windows.some(
      (one) => one.id === window.id && one.endsAt === window.endsAt && phaseOf(one) === phaseOf(window),
    ),
  );
}

function questions(wanted: Wanted, hosts: Hosts, dialogs: Dialogs): readonly Step[] {
  const online = permittedHosts(hosts, 'windows.open');
  if (online.length === 1) wanted.host ??= online[0];
  const title =
    wanted.host === undefined ? 'Start Maintenance Window' : `Start Maintenance Window on ${wanted.host.name}`;
  const askHost: Step = async (step) => {
    const reply = await dialogs.pick(online.map(hostChoice), { title, placeholder: 'Host', step });
    if (reply !== undefined && reply !== back) wanted.host = reply;
    return reply;
  };
  const askReason: Step = async (step) => {
    const reply = await dialogs.input({
      title,
      step,
      prompt: 'Reason, as it will stand in the record',
      value: wanted.reason,
      validate: (text) => (text.trim() === '' ? 'A window needs a reason' : null),
    });
    if (typeof reply === 'string') wanted.reason = reply.trim();
    return reply;
  };
  const askTime: Step = async (step) => {
    const reply = await askLength(dialogs, title, 'Length', lengths, longestWindow, wanted.minutes, step);
    if (typeof reply === 'number') wanted.minutes = reply;
    return reply;
  };
  const askPlan: Step = async (step) => {
    const tasks = (wanted.host?.store.data?.tasks ?? []).filter((task) => task.problem === null);
    if (tasks.length === 0) return [];
    const choices = tasks.map((task) => ({
      label: task.name,
      ...(task.description === null ? {} : { description: task.description }),
      picked: wanted.plan.includes(task.name),
      value: task.name,
    }));
    const placeholder = 'Tasks to run in the window, in this order (none is fine)';
    const reply = await dialogs.pickMany(choices, { title, placeholder, step });
    if (reply !== undefined && reply !== back) wanted.plan = reply;
    return reply;
  };
  return wanted.host === undefined ? [askHost, askReason, askTime, askPlan] : [askReason, askTime, askPlan];
}

/** Minutes: one of the usual lengths, or one of the person's own. */
async function askLength(
  dialogs: Dialogs,
  title: string,
  placeholder: string,
  usual: readonly number[],
  longest: number,
  preselected: number,
  step?: { readonly number: number; readonly total: number },
): Promise<Reply<number>> {
  const place = step === undefined ? {} : { step };
  const choices: Choice<number | null>[] = usual.map((minutes) => ({
    label: lengthText(minutes),
    picked: minutes === preselected,
    value: minutes,
  }));
  choices.push({ label: 'Other…', value: null });
  for (;;) {
    const reply = await dialogs.pick(choices, { title, placeholder, ...place });
    if (reply === undefined || reply === back) return reply;
    if (reply !== null) return reply;
    const text = await dialogs.input({
      title,
      prompt: 'Minutes, or hours and minutes such as 1h30m',
      validate: (value) => lengthProblem(value, longest),
      ...place,
    });
    if (text === undefined) return undefined;
    const minutes = text === back ? null : parseLength(text);
    if (minutes !== null) return minutes;
  }
}

/** `90`, `45m`, `1h30m`, `2h` → minutes; null when it is none of these. */
function parseLength(text: string): number | null {
  const match = /^(?:(\d{1,3})\s*h)?\s*(?:(\d{1,5})\s*(?:m|min)?)?$/i.exec(text.trim());
  if (match === null || (match[1] === undefined && match[2] === undefined)) return null;
  const minutes = Number(match[1] ?? 0) * 60 + Number(match[2] ?? 0);
  return minutes > 0 ? minutes : null;
}

function lengthProblem(text: string, longest: number): string | null {
  const minutes = parseLength(text);
  if (minutes === null) return 'Write minutes (90), or hours and minutes (1h30m)';
  return minutes > longest ? `At most ${lengthText(longest)}` : null;
}

function lengthText(minutes: number): string {
  if (minutes < 60) return `${minutes} minutes`;
  const hours = minutes / 60;
  return hours === 1 ? '1 hour' : `${hours} hours`;
}
