/** Runs that this editor has started: their end is told to the person who started them. */
import * as vscode from 'vscode';
import { badOutcomes, type Run } from '../../agent/protocol/nouns.ts';
import { messageOf } from '../client/errors.ts';
import type { Dialogs } from '../dialogs.ts';
import type { Host } from '../state/host.ts';
import type { Hosts } from '../state/hosts.ts';
import { hasReport, lookOfRun, timesOfRun } from '../views/runText.ts';
import { resultText } from '../views/runResult.ts';
import { duration, withoutIcons } from '../views/text.ts';
import { showProgress } from './runProgress.ts';

const shownMs = 8000;

/** What else is to be done about a run that was started here. */
export interface Following {
  /** Once it has ended. A rejection is told of. */
  readonly ended?: (run: Run) => Promise<void>;
  /** What can be done after a dry run that went well: the real one. */
  readonly afterDryRun?: () => Promise<void>;
}

export class StartedRuns implements vscode.Disposable {
  readonly #dialogs: Dialogs;
  readonly #openOutput: (host: string, runId: string, task: string) => Promise<void>;
  readonly #openReport: (host: string, runId: string) => Promise<void>;
  readonly #watched = new Map<string, Following>();
  readonly #unsubscribe: () => void;

  constructor(
    hosts: Hosts,
    dialogs: Dialogs,
    openOutput: (host: string, runId: string, task: string) => Promise<void>,
    openReport: (host: string, runId: string) => Promise<void>,
  ) {
    this.#openReport = openReport;
    this.#dialogs = dialogs;
    this.#openOutput = openOutput;
    this.#unsubscribe = hosts.onData(({ host, change }) => {
      if (this.#watched.size === 0) return;
      for (const run of change.next.runs) {
        const following = run.state === 'ended' ? this.#watched.get(run.id) : undefined;
        if (following === undefined) continue;
        this.#watched.delete(run.id);
        this.#ended(host, run, following);
      }
    });
  }

  /** Resolves when the views know the run. */
  async watch(host: Host, run: Run, following: Following = {}): Promise<void> {
    await host.seen((data) => data.runs.some((one) => one.id === run.id));
    const known = host.store.data?.runs.find((one) => one.id === run.id) ?? run;
    if (known.state === 'ended') this.#ended(host, known, following);
    else {
      this.#watched.set(run.id, following);
      if (run.kind === 'procedure') {
        const title = `${titleOf(host, run)} on ${host.name}`;
        showProgress(host, run.id, title, (message) => void this.#dialogs.error(message));
      }
      const state = known.state === 'queued' ? timesOfRun(known, new Date()) : known.state;
      this.tell(`${run.task} ${state} on ${host.name}`);
    }
  }

  /** A few words in the status bar. */
  tell(text: string): void {
    vscode.window.setStatusBarMessage(withoutIcons(text), shownMs);
  }

  dispose(): void {
    this.#unsubscribe();
    this.#watched.clear();
  }

  #ended(host: Host, run: Run, { ended, afterDryRun }: Following): void {
    const look = lookOfRun(run);
    const time = run.durationMs === null ? '' : ` after ${duration(run.durationMs)}`;
    this.tell(`${run.task} ${look.text}${time} on ${host.name}`);
    if (ended !== undefined) this.#do(ended(run));
    if (run.kind === 'procedure') {
      this.#do(this.#tellOfProcedure(host, run, afterDryRun));
      return;
    }
    const reason = run.outcomeReason === null ? '' : `: ${run.outcomeReason}`;
    const task = host.store.data?.tasks.find((one) => one.name === run.task);
    // A task that raises an alert is told of by the alert.
    const alerts = run.kind === 'task' && task?.alertOnFailure === true;
    const failed = isBad(run) && !alerts;
    // Alerts are of problems: those that stood before the run are not told of again.
    if (!failed && run.outcome !== 'warning') return;
    const tell = failed ? this.#dialogs.error : this.#dialogs.warn;
    this.#do(this.#tellProblem(tell, host, run, `${run.task} ${look.text}${time} on ${host.name}${reason}`));
  }

  async #tellProblem(tell: Dialogs['error'], host: Host, run: Run, message: string): Promise<void> {
    const action = await tell(message, ...(hasReport(run) ? ['Open Report'] : []), 'Open Output');
    if (action === 'Open Report') await this.#openReport(host.name, run.id);
    else if (action !== undefined) await this.#openOutput(host.name, run.id, run.task);
  }

  /** A person waits for it: what came of it, in the words of what it found. */
  async #tellOfProcedure(host: Host, run: Run, afterDryRun: Following['afterDryRun']): Promise<void> {
    const { findings } = await host.request('runs.get', { runId: run.id });
    const message = resultText(host.name, titleOf(host, run), run, findings);
    // What only looked and found nothing is told by the output that is open.
    if (message === null) return;
    const { error, warn, inform } = this.#dialogs;
    const tell = isBad(run) ? error : run.outcome === 'warning' ? warn : inform;
    if (isBad(run) || !run.dryRun || afterDryRun === undefined) await this.#tellProblem(tell, host, run, message);
    else if ((await tell(message, 'Run…')) === 'Run…') await afterDryRun();
  }

  #do(work: Promise<void>): void {
    work.catch((error: unknown) => void this.#dialogs.error(messageOf(error)));
  }
}

function isBad({ outcome }: Run): boolean {
  return outcome !== null && badOutcomes.has(outcome);
}

/** Of a procedure its title, for people. */
function titleOf(host: Host, run: Run): string {
  return host.store.data?.procedures.find(({ name }) => name === run.procedure)?.title ?? run.task;
}
