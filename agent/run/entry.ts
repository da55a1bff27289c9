/** An open run in the hands of the runner: it waits, or is carried out. */
import type { Run } from '../protocol/nouns.ts';
import type { Launch, RunDirectory } from './directory.ts';
import type { Execution } from './execution.ts';
import { ticketOf } from './locks.ts';
import type { Ticket } from './queue.ts';
import { startedRun } from './request.ts';

export class Entry {
  launch: Launch;
  readonly directory: RunDirectory;
  readonly ticket: Ticket;
  readonly ended = Promise.withResolvers<Run>();
  /** Takes back the looks at its requirements. */
  readonly abort = new AbortController();
  execution: Execution | null = null;
  #run: Run;

  /** `notBefore` in milliseconds since the epoch. */
  constructor(launch: Launch, directory: RunDirectory, notBefore: number | null) {
    this.launch = launch;
    this.directory = directory;
    this.#run = launch.run;
    const ticket = ticketOf(launch.run, launch.settings, { notBefore, ahead: launch.ahead });
    this.ticket = { ...ticket, claims: [...new Set([...ticket.claims, ...launch.claims])] };
  }

  get run(): Run {
    return this.execution?.run ?? this.#run;
  }

  set run(run: Run) {
    this.#run = run;
  }

  /** Marks it as started, with the deadline of this attempt, and keeps that in its directory. */
  begin(now: number): void {
    const run = startedRun(this.#run, now);
    const deadline = this.launch.timeoutMs === null ? null : now + this.launch.timeoutMs;
    const launch = { ...this.launch, run, deadline };
    this.directory.writeLaunch(launch, false);
    this.launch = launch;
    this.#run = run;
  }
}
