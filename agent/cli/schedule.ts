/** `upkeep snooze|pause|resume`: holds the schedules of a running agent back. */
import type { Command } from 'commander';
import { parseDuration } from '../config/units.ts';
import type { Task } from '../protocol/nouns.ts';
import { instantIn } from '../schedule/localTime.ts';
import { zoneNamed } from '../schedule/zone.ts';
import type { AgentClient } from './client.ts';
import { UsageError } from './errors.ts';
import { writeJson, type Io } from './io.ts';
import { order, reasonOf, withClient, type OrderOptions } from './order.ts';

interface SnoozeOptions extends OrderOptions {
  readonly until?: string;
  readonly for?: string;
  readonly off?: true;
}

export function registerSchedule(program: Command, io: Io): void {
  order(program.command('snooze <task>'))
    .summary('hold the scheduled runs of a task back for a while')
    .description('Holds the scheduled runs of a task back. Each is recorded as skipped; manual runs go on.')
    .option('--until <time>', "end: 2026-12-24T02:00 in the task's zone, or with Z or an offset")
    .option('--for <duration>', 'end, from now: 30m, 2h, 7d')
    .option('--off', 'end the snooze now')
    .action(async (task: string, options: SnoozeOptions) => {
      await withClient(options, io, (client) => snooze(client, task, options, io));
    });
  order(program.command('pause'))
    .summary('hold all scheduled runs back')
    .description('Holds all scheduled runs back until "upkeep resume". Manual runs and checks go on.')
    .action(async (options: OrderOptions) => {
      await withClient(options, io, async (client) => {
        const { paused } = await client.request('schedule.pause', reasonOf(options));
        if (options.json === true) writeJson(io, { paused });
        else io.stdout.write(`all schedules are paused; "upkeep resume" ends that\n`);
      });
    });
  order(program.command('resume'))
    .summary('let the schedules run again')
    .description('Ends "upkeep pause". What was due meanwhile stays skipped.')
    .action(async (options: OrderOptions) => {
      await withClient(options, io, async (client) => {
        const { paused } = await client.request('schedule.resume', reasonOf(options));
        if (options.json === true) writeJson(io, { paused });
        else io.stdout.write('the schedules run again\n');
      });
    });
}

async function snooze(client: AgentClient, name: string, options: SnoozeOptions, io: Io): Promise<void> {
  const given = [options.until, options.for, options.off].filter((option) => option !== undefined);
  if (given.length !== 1) throw new UsageError('give one of --until TIME, --for DURATION and --off.');
  const { tasks, at } = await client.request('snapshot', {});
  const known = tasks.find((task) => task.name === name);
  if (known === undefined) throw new UsageError(`there is no task "${name}": see "upkeep tasks".`);
  const until = options.off === true ? null : endOf(options, known, Date.parse(at));
  const { task } = await client.request('tasks.snooze', { task: name, until, ...reasonOf(options) });
  if (options.json === true) writeJson(io, task);
  else
    io.stdout.write(`${name}: ${until === null ? 'no longer snoozed' : `snoozed until ${until}`}${nextText(task)}\n`);
}

/** `now` is the host's: its clock decides. */
function endOf({ until, for: length }: SnoozeOptions, task: Task, now: number): string {
  if (length !== undefined) {
    const ms = parseDuration(length);
    if (ms === null || ms > 366 * 86_400_000) {
      throw new UsageError(`--for ${length}: give a duration with its unit up to 366d, such as 30m, 2h, 7d.`);
    }
    return new Date(now + ms).toISOString();
  }
  const zone = zoneNamed(task.zone);
  const end = zone === null || until === undefined ? null : instantIn(zone, until);
  if (end === null) throw new UsageError(`--until ${until ?? ''}: give a date and time such as 2026-12-24T02:00.`);
  return new Date(end).toISOString();
}

function nextText({ nextRun }: Task): string {
  return nextRun === null ? '' : `; next run ${nextRun}`;
}
