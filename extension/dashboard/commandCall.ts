/** What a page may ask, as commands of the extension with their targets. */
import type { Command } from '../../webview/dashboardSchema.ts';
import { commandIds, viewIds } from '../ids.ts';
import type { Target } from '../views/node.ts';

/** The id of the command, and what it is given. */
export function commandCall(command: Command): { readonly id: string; readonly target?: Target } {
  switch (command.name) {
    case 'openOutput':
      return { id: commandIds.openOutput, target: { kind: 'run', host: command.host, runId: command.runId } };
    case 'acknowledgeAlert':
      return {
        id: commandIds.acknowledgeAlert,
        target: { kind: 'alert', host: command.host, alertId: command.alertId, runId: null },
      };
    case 'extendWindow':
    case 'endWindow':
      return {
        id: commandIds[command.name],
        target: { kind: 'window', host: command.host, windowId: command.windowId },
      };
    case 'showCertificate':
      return {
        id: commandIds.showCertificate,
        target: { kind: 'certificate', host: command.host, source: command.source },
      };
    case 'startWindow':
    case 'runChecks':
    case 'reconnect':
    case 'openConfiguration':
      return { id: commandIds[command.name], target: { kind: 'host', host: command.host } };
    case 'addHost':
    case 'createConfiguration':
    case 'showLog':
      return { id: commandIds[command.name] };
    case 'showView':
      return { id: `${viewIds[command.view]}.focus` };
  }
}
