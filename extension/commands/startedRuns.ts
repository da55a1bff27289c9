/** Runs that this editor has started: their end is told to the person who started them. */
import * as vscode from 'vscode';
import { badOutcomes, type Run } from '../../agent/protocol/nouns.ts';
import type { Dialogs } from '../dialogs.ts';
import type { Host } from '../state/host.ts';
import type { Hosts } from '../state/hosts.ts';
import { lookOfRun, timesOfRun } from '../views/runText.ts';
import { duration, withoutIcons } from '../views/text.ts';

const shownMs = 8000;

export class StartedRuns implements vscode.Disposable {
  readonly #dialogs: Dialogs;
  readonly #openOutput: (host: string, runId: string, task: string) => Promise<void>;
  readonly #watched = new Set<string>();
  readonly #unsubscribe: () => void;

  constructor(
    hosts: Hosts,
    dialogs: Dialogs,
    openOutput: (host: string, runId: string, task: string) => Promise<void>,
  ) {
    this.#dialogs = dialogs;
    this.#openOutput = openOutput;
    this.#unsubscribe = hosts.onData(({ host, change }) => {
      if (this.#watched.size === 0) return;
      for (const run of change.next.runs)
        if (run.state === 'ended' && this.#watched.delete(run.id)) this.#ended(host, run);
    });
  }

  /** Resolves when the views know the run. */
  async watch(host: Host, run: Run): Promise<void> {
    await host.seen((data) => data.runs.some((one) => one.id === run.id));
    const known = host.store.data?.runs.find((one) => one.id === run.id) ?? run;
    if (known.state === 'ended') this.#ended(host, known);
    else {
      this.#watched.add(run.id);
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

  #ended(host: Host, run: Run): void {
    const look = lookOfRun(run);
    const time = run.durationMs === null ? '' : ` after ${duration(run.durationMs)}`;
    const reason = run.outcomeReason === null ? '' : `: ${run.outcomeReason}`;
    this.tell(`${run.task} ${look.text}${time} on ${host.name}`);
    const task = host.store.data?.tasks.find((one) => one.name === run.task);
    // A task that raises an alert is told of by the alert.
    const alerts = run.kind === 'task' && task?.alertOnFailure === true;
    const failed = run.outcome !== null && badOutcomes.has(run.outcome) && !alerts;
    // Alerts are of problems: those that stood before the run are not told of again.
    if (!failed && run.outcome !== 'warning') return;
    const tell = failed ? this.#dialogs.error : this.#dialogs.warn;
    void this.#tellProblem(tell, host, run, `${run.task} ${look.text}${time} on ${host.name}${reason}`);
  }

  async #tellProblem(tell: Dialogs['error'], host: Host, run: Run, message: string): Promise<void> {
    if ((await tell(message, 'Open Output')) === 'Open Output') await this.#openOutput(host.name, run.id, run.task);
  }
}
