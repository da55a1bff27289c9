/** A run that takes a while as a notification that shows how far it is, and by which it can be stopped. */
import * as vscode from 'vscode';
import type { Run } from '../../agent/protocol/nouns.ts';
import type { Host } from '../state/host.ts';
import { progressOf } from '../views/runText.ts';
import { messageOf } from '../client/errors.ts';
import { withoutIcons, withoutLinks } from '../views/text.ts';

/** What ends sooner needs none: its output is open already. */
const patienceMs = 1500;

/** Until the run has ended, or is not known any more. `failed` is told why it could not be stopped. */
export function showProgress(host: Host, runId: string, title: string, failed: (message: string) => void): void {
  let shown: { readonly report: (run: Run) => void; readonly close: () => void } | null = null;
  const look = (): void => {
    const run = host.store.data?.runs.find((one) => one.id === runId);
    if (run !== undefined && run.state !== 'ended') {
      shown?.report(run);
      return;
    }
    clearTimeout(timer);
    unsubscribe();
    shown?.close();
  };
  const unsubscribe = host.onData(look);
  const timer = setTimeout(() => {
    const location = vscode.ProgressLocation.Notification;
    void vscode.window.withProgress(
      { location, title: withoutLinks(title), cancellable: true },
      (progress, token) =>
        new Promise<void>((resolve) => {
          token.onCancellationRequested(() => {
            host.request('runs.cancel', { runId }).catch((error: unknown) => {
              failed(`${title} could not be stopped: ${messageOf(error)}`);
            });
          });
          shown = {
            close: resolve,
            report: (run) => {
              progress.report({ message: withoutIcons(progressOf(run)) });
            },
          };
          look();
        }),
    );
  }, patienceMs);
  look();
}
