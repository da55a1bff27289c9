/** Pause and resume all schedules of hosts; snooze single tasks. */
import { back, chosen, type Choice, type Reply } from '../dialogs.ts';
import type { Handlers } from '../registrar.ts';
import { canSnooze, isSnoozed } from '../views/taskNode.ts';
import { untilText } from '../views/text.ts';
import { askReason, chooseHosts, chooseTask, type Asking } from './choose.ts';
import { parseUntil, tomorrowAt, untilProblem } from './snoozeTime.ts';

export function scheduleCommands(
  asking: Asking,
  tell: (text: string) => void,
): Pick<Handlers, 'pauseSchedules' | 'resumeSchedules' | 'snoozeTask' | 'endSnooze'> {
  return {
    pauseSchedules: async (target) => {
      const title = 'Pause Schedules';
      const hosts = await chooseHosts(asking, target, title, {
        needs: 'schedule.pause',
        fits: (data) => data.paused === null,
        none: 'no connected host has schedules that could be paused',
      });
      if (hosts.length === 0) return;
      const names = hosts.map((host) => host.name).join(', ');
      const reason = await askReason(asking, {
        title: `${title} on ${names}`,
        prompt: 'Reason, as it will stand in the record. Nothing starts by schedule until someone resumes',
      });
      if (reason === undefined) return;
      for (const host of hosts) {
        await host.request('schedule.pause', { reason });
        await host.seen((data) => (data.paused ?? null) !== null);
      }
      tell(`Schedules are paused on ${names}`);
    },

    resumeSchedules: async (target) => {
      const hosts = await chooseHosts(asking, target, 'Resume Schedules', {
        needs: 'schedule.resume',
        fits: (data) => (data.paused ?? null) !== null,
        none: 'no connected host has paused schedules',
      });
      for (const host of hosts) {
        await host.request('schedule.resume', {});
        await host.seen((data) => (data.paused ?? null) === null);
      }
      if (hosts.length > 0) tell(`Schedules run again on ${hosts.map((host) => host.name).join(', ')}`);
    },

    snoozeTask: async (target) => {
      const choice = await chooseTask(asking, target, 'Snooze Task', canSnooze, 'tasks.snooze');
      if (choice === undefined) return;
      const { host, task } = choice;
      const until = chosen(await askUntil(asking, `Snooze ${task} on ${host.name}`));
      if (until === undefined) return;
      const instant = until.toISOString();
      await host.request('tasks.snooze', { task, until: instant });
      await host.seen((data) => data.tasks.some((one) => one.name === task && one.snoozedUntil === instant));
      tell(`${task} is snoozed until ${untilText(instant, new Date())} on ${host.name}`);
    },

    endSnooze: async (target) => {
      const snoozed = (task: Parameters<typeof isSnoozed>[0]): boolean => isSnoozed(task, new Date());
      const choice = await chooseTask(asking, target, 'End Snooze', snoozed, 'tasks.snooze');
      if (choice === undefined) return;
      const { host, task } = choice;
      await host.request('tasks.snooze', { task, until: null });
      await host.seen((data) => data.tasks.some((one) => one.name === task && (one.snoozedUntil ?? null) === null));
      tell(`The schedule of ${task} runs again on ${host.name}`);
    },
  };
}

async function askUntil({ dialogs }: Asking, title: string): Promise<Reply<Date>> {
  const now = new Date();
  const after = (minutes: number): Date => new Date(now.getTime() + minutes * 60_000);
  const choice = (label: string, until: Date): Choice<Date | null> => ({
    label,
    description: `until ${untilText(until.toISOString(), now)}`,
    value: until,
  });
  const choices: Choice<Date | null>[] = [
    choice('30 minutes', after(30)),
    choice('2 hours', after(120)),
    choice('Until tomorrow morning', tomorrowAt(8, now)),
    { label: 'Other…', value: null },
  ];
  const reply = await dialogs.pick(choices, { title, placeholder: 'Its schedule starts nothing until then' });
  if (reply !== null) return reply;
  const text = await dialogs.input({
    title,
    prompt: 'A length (45m, 3h, 2d), a time (14:30), or a date and time (2026-03-05 14:00)',
    validate: (value) => untilProblem(value, new Date()),
  });
  return text === undefined || text === back ? text : (parseUntil(text, new Date()) ?? undefined);
}
