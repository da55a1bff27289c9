/** `upkeep tasks|runs|windows|alerts|checks|status`: what a running agent knows. */
import type { Command } from 'commander';
import { methods, type Snapshot } from '../protocol/methods.ts';
import type { Run, SchedulePause, Task } from '../protocol/nouns.ts';
import { connect } from './client.ts';
import { writeJson, writeTable, type Io } from './io.ts';
import { socketOf, withAgentOptions } from './paths.ts';

interface ListOptions {
  readonly socket?: string;
  readonly state?: string;
  readonly json?: boolean;
}

interface Listing {
  readonly summary: string;
  readonly json: (state: Snapshot) => unknown;
  readonly rows: (state: Snapshot) => readonly (readonly string[])[];
}

const listings: Readonly<Record<string, Listing>> = {
  tasks: {
    summary: 'tasks with their next and last run',
    json: (state) => state.tasks,
    rows: (state) => [
      ['TASK', 'SCHEDULE', 'NEXT', 'LAST', 'DOES'],
      ...state.tasks.map((task) => {
        const last = state.runs.find((run) => run.task === task.name && !run.dryRun);
        return [task.name, task.schedule ?? '-', nextOf(task, state), endOf(last), task.problem ?? task.target];
      }),
    ],
  },
  runs: {
    summary: 'recent runs, newest first',
    json: (state) => state.runs,
    rows: (state) => [
      ['RUN', 'TASK', 'TRIGGER', 'STARTED', 'OUTCOME', 'BY'],
      ...state.runs.map((run) => [run.id, run.task, run.trigger, run.startedAt ?? run.queuedAt, endOf(run), run.actor]),
    ],
  },
  windows: {
    summary: 'maintenance windows',
    json: (state) => state.windows,
    rows: (state) => [
      ['WINDOW', 'STATE', 'START', 'END', 'REASON'],
      ...state.windows.map((window) => [window.id, window.state, window.startsAt, window.endsAt, window.reason]),
    ],
  },
  alerts: {
    summary: 'open alerts',
    json: (state) => state.alerts,
    rows: (state) => [
      ['SINCE', 'STATE', 'LEVEL', 'ALERT', 'WHAT'],
      ...state.alerts.map((alert) => [
        alert.since,
        alert.held ? 'held' : alert.state,
        alert.level,
        alert.title,
        alert.message,
      ]),
    ],
  },
  checks: {
    summary: 'what the last checks found',
    json: (state) => state.reports,
    rows: (state) => [
      ['CHECK', 'AT', 'LEVEL', 'SUBJECT', 'FINDING'],
      ...state.reports.flatMap((report) =>
        report.findings.map((finding) => [report.id, report.at, finding.level, finding.subject, finding.message]),
      ),
    ],
  },
};

export function registerLists(program: Command, io: Io): void {
  for (const [name, listing] of Object.entries(listings)) {
    register(program, io, name, listing.summary, (state, json) => {
      if (json) writeJson(io, listing.json(state));
      else writeTable(io, listing.rows(state));
    });
  }
  register(program, io, 'status', 'the agent in a few lines', (state, json) => {
    if (json) writeJson(io, methods.snapshot.result.parse(state));
    else writeStatus(io, state);
  });
}

function register(
  program: Command,
  io: Io,
  name: string,
  summary: string,
  show: (state: Snapshot, json: boolean) => void,
): void {
  withAgentOptions(program.command(name))
    .summary(summary)
    .option('--json', 'one JSON document on standard output')
    .action(async (options: ListOptions) => {
      const client = await connect({ socket: socketOf(options, io.env) });
      try {
        show(await client.request('snapshot', {}), options.json === true);
      } finally {
        await client.close();
      }
    });
}

function writeStatus(io: Io, state: Snapshot): void {
  const { host, config } = state;
  const active = state.windows.filter((window) => window.state === 'active');
  const problems = config.diagnostics.filter((diagnostic) => diagnostic.severity === 'error').length;
  writeTable(io, [
    [
      'host',
      `${host.name} (${host.platform}), Upkeep ${host.agentVersion}, pid ${host.pid}, up since ${host.startedAt}`,
    ],
    [
      'config',
      `${config.file ?? 'none'}${config.stale ? ' (refused: the last good one is in force)' : ''}, ${problems} error(s)`,
    ],
    ['certificate', fingerprintText(host.certificateFingerprint ?? null)],
    ['schedules', [pauseText(state.paused ?? null), config.schedulesHeld ?? []].flat().join('; but held back: ')],
    ['tasks', `${state.tasks.length}, ${state.tasks.filter((task) => task.problem !== null).length} refused`],
    [
      'running',
      state.runs
        .filter((run) => run.state !== 'ended')
        .map((run) => run.task)
        .join(', ') || 'nothing',
    ],
    ['alerts', `${state.alerts.length} open, ${state.alerts.filter((alert) => alert.held).length} held`],
    ['window', active.map((window) => `${window.reason} until ${window.endsAt}`).join('; ') || 'none'],
  ]);
}

/** When a task runs next, or why it does not. */
function nextOf(task: Task, { paused, at, config }: Snapshot): string {
  if (task.problem !== null) return 'refused';
  if (task.schedule === null) return 'by hand';
  if ((paused ?? null) !== null) return 'paused';
  if ((config.schedulesHeld ?? null) !== null) return 'held back';
  const snoozed = (task.snoozedUntil ?? at) > at ? ` (snoozed until ${task.snoozedUntil ?? ''})` : '';
  return `${task.nextRun ?? 'never'}${snoozed}`;
}

/** What people compare when their editor asks whether it may trust this agent. */
function fingerprintText(fingerprint: string | null): string {
  return fingerprint === null ? 'none (no TLS)' : `SHA-256 ${fingerprint}`;
}

function pauseText(paused: SchedulePause | null): string {
  if (paused === null) return 'running';
  const { by, since, reason } = paused;
  return `paused by ${by} since ${since}${reason === null ? '' : ` (${reason})`}`;
}

function endOf(run: Run | undefined): string {
  if (run === undefined) return 'never';
  return run.outcome ?? run.state;
}
