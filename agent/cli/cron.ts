/** `upkeep cron next`: when an expression comes next, by the same code that schedules tasks. */
import type { Command } from 'commander';
import { CronError, describeWarnings, nextRuns, parseCron, type CronSchedule } from '../schedule/cron.ts';
import { zoneNamed, type Zone } from '../schedule/zone.ts';
import { UsageError } from './errors.ts';
import type { Io } from './io.ts';

type CronIo = Pick<Io, 'stdout' | 'stderr'>;

interface NextOptions {
  readonly tz: string;
  readonly from?: string;
  readonly count: string;
  readonly json?: true;
}

const mostRuns = 1000;

/** Adds `cron next EXPR`; its errors of use are UsageErrors. With --json stdout holds an array of instants (UTC, milliseconds). */
export function cronCommand(program: Command, io: CronIo, now: () => Date = () => new Date()): void {
  program
    .command('cron')
    .description('look into cron expressions')
    .command('next')
    .description('print the next runs of a cron expression; exit code 2 and the reason when it is invalid')
    .argument('<expression>', '5 or 6 fields or a macro, in quotes: "0 2 * * SUN#1"')
    .option('--tz <zone>', 'IANA zone of the expression', 'UTC')
    .option('--from <iso>', 'runs after this instant; without Z or offset it is local to the zone (default: now)')
    .option('--count <n>', `number of runs, 1 to ${mostRuns}`, '5')
    .option('--json', 'print one JSON array and nothing else')
    .action((expression: string, options: NextOptions) => {
      printNext(expression, options, io, now);
    });
}

function printNext(expression: string, options: NextOptions, io: CronIo, now: () => Date): void {
  const schedule = scheduleOf(expression, options.tz);
  const zone = zoneNamed(schedule.zone);
  if (zone === null) throw new UsageError(`There is no time zone ${schedule.zone}.`);
  const count = countOf(options.count);
  const from = options.from === undefined ? now() : instantOf(options.from, zone);
  const runs = nextRuns(schedule, from, count);
  if (options.json === true) {
    io.stdout.write(`${JSON.stringify(runs)}\n`);
  } else {
    for (const run of runs) io.stdout.write(`${run.toISOString()}  ${localText(run, zone)}\n`);
  }
  for (const { message } of describeWarnings(schedule, from)) io.stderr.write(`warning: ${message}\n`);
}

function scheduleOf(expression: string, zone: string): CronSchedule {
  try {
    return parseCron(expression, { zone });
  } catch (error) {
    if (error instanceof CronError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

function countOf(text: string): number {
  const count = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= mostRuns) return count;
  throw new UsageError(`--count ${JSON.stringify(text)} is no number from 1 to ${mostRuns}.`);
}

/** ISO 8601 date, or date and time; Date alone would roll 30 February over to March and read local times in the machine's zone. */
function instantOf(text: string, zone: Zone): Date {
  const match = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:?\d\d)?)?$/i.exec(text);
  const [, date = '', time = '00:00', offset] = match ?? [];
  const local = Date.parse(`${date}T${time}Z`);
  if (!Number.isNaN(local) && new Date(local).toISOString().startsWith(date)) {
    if (offset === undefined) return new Date(zone.landing(local).at);
    const instant = new Date(`${date}T${time}${offset.toUpperCase()}`);
    if (!Number.isNaN(instant.getTime())) return instant;
  }
  throw new UsageError(`--from ${JSON.stringify(text)} is no ISO 8601 instant; write 2024-03-01T00:00:00Z.`);
}

function localText(run: Date, zone: Zone): string {
  const local = new Date(run.getTime() + zone.stretchAt(run.getTime()).offset);
  const weekday = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'][local.getUTCDay()] ?? '';
  return `${weekday} ${local.toISOString().slice(0, 19).replace('T', ' ')} ${zone.name}`;
}
