/** Details of a run as a read-only text: `upkeep-run:/HOST/RUN/TASK.txt`. */
import * as vscode from 'vscode';
import type { MethodResult } from '../../agent/protocol/methods.ts';
import { messageOf } from '../client/errors.ts';
import { schemes } from '../ids.ts';
import type { Hosts } from '../state/hosts.ts';
import { lookOfRun, progressOf } from '../views/runText.ts';
import { duration, localTime, plain } from '../views/text.ts';
import { parseRunPath, runPath } from './runPath.ts';

export class RunDetails implements vscode.TextDocumentContentProvider, vscode.Disposable {
  readonly #hosts: Hosts;
  readonly #changed = new vscode.EventEmitter<vscode.Uri>();
  readonly #registration: vscode.Disposable;
  readonly #unsubscribe: () => void;
  readonly onDidChange = this.#changed.event;

  constructor(hosts: Hosts) {
    this.#hosts = hosts;
    this.#registration = vscode.workspace.registerTextDocumentContentProvider(schemes.run, this);
    this.#unsubscribe = hosts.onData(({ host, change }) => {
      if (change.previous?.runs === change.next.runs) return;
      for (const { uri } of vscode.workspace.textDocuments)
        if (uri.scheme === schemes.run && parseRunPath(uri.path)?.host === host.name) this.#changed.fire(uri);
    });
  }

  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    const address = parseRunPath(uri.path);
    const host = address === null ? undefined : this.#hosts.get(address.host);
    if (address === null || host === undefined) return 'There is no such host any more.\n';
    try {
      return describeRun(host.name, await host.request('runs.get', { runId: address.runId }));
    } catch (error) {
      return `${host.name} does not tell about this run: ${plain(messageOf(error))}\n`;
    }
  }

  dispose(): void {
    this.#unsubscribe();
    this.#registration.dispose();
    this.#changed.dispose();
  }
}

export function detailsUri(host: string, runId: string, task: string): vscode.Uri {
  return vscode.Uri.from({ scheme: schemes.run, path: runPath(host, runId, task, 'txt') });
}

function describeRun(host: string, { run, findings }: MethodResult<'runs.get'>): string {
  const facts: readonly (readonly [string, string | null])[] = [
    ['Task', run.task],
    ['Host', host],
    ['State', lookOfRun(run).text],
    ['Because', run.outcomeReason],
    ['Progress', run.progress === null || run.state === 'ended' ? null : progressOf(run)],
    ['Trigger', run.trigger],
    ['Started by', run.actor],
    ['Reason', run.reason],
    ['Dry run', run.dryRun ? 'yes' : null],
    ['Scheduled for', run.scheduledFor === null ? null : localTime(run.scheduledFor)],
    ['Queued', localTime(run.queuedAt)],
    ['Started', run.startedAt === null ? null : localTime(run.startedAt)],
    ['Ended', run.endedAt === null ? null : localTime(run.endedAt)],
    ['Duration', run.durationMs === null ? null : duration(run.durationMs)],
    ['Exit code', run.exitCode === null ? null : String(run.exitCode)],
    ['Signal', run.signal],
    ['Procedure', run.procedure],
    ['Window', run.windowId],
    ['Attempt', String(run.attempt)],
    ['Taken over', run.adopted ? 'yes, by a restarted agent' : null],
    ['Run', run.id],
  ];
  const width = Math.max(...facts.map(([name]) => name.length));
  const lines = facts.flatMap(([name, value]) => (value === null ? [] : [`${name.padEnd(width)}  ${plain(value)}`]));
  const found = findings.map(
    (one) =>
      `${one.level.padEnd(8)}  ${plain(one.code)}  ${plain(one.subject)}: ${plain(one.message)}` +
      (one.remedy === undefined ? '' : `\n          Remedy: ${plain(one.remedy.title)}`),
  );
  return [...lines, '', `Findings (${findings.length})`, ...found, ''].join('\n');
}
