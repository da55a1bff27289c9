/** Tells of alerts and of a refused configuration, each once. */
import type * as vscode from 'vscode';
import type { Alert } from '../agent/protocol/nouns.ts';
import type { Dialogs } from './dialogs.ts';
import type { Host } from './state/host.ts';
import type { Hosts } from './state/hosts.ts';
import type { HostChange } from './state/hostStore.ts';
import type { Target } from './views/node.ts';
import { alertsToAnnounce, configurationTrouble, type Announcing } from './views/notifications.ts';

export interface AnnouncerParts {
  readonly hosts: Hosts;
  readonly dialogs: Dialogs;
  readonly level: () => Announcing;
  readonly run: (command: 'openOutput' | 'acknowledgeAlert' | 'openConfiguration', target: Target) => void;
}

export class Announcer implements vscode.Disposable {
  readonly #parts: AnnouncerParts;
  /** By host. */
  readonly #announced = new Map<string, Set<string>>();
  readonly #unsubscribe: () => void;

  constructor(parts: AnnouncerParts) {
    this.#parts = parts;
    this.#unsubscribe = parts.hosts.onData(({ host, change }) => {
      this.#look(host, change);
    });
  }

  dispose(): void {
    this.#unsubscribe();
  }

  #look(host: Host, { previous, next }: HostChange): void {
    if (previous?.alerts !== next.alerts) {
      const announced = this.#announced.get(host.name) ?? new Set();
      this.#announced.set(host.name, announced);
      for (const alert of alertsToAnnounce(previous, next, announced, this.#parts.level()))
        void this.#tellAlert(host, alert);
    }
    if (previous?.config !== next.config) {
      const trouble = configurationTrouble(previous?.config ?? null, next.config);
      if (trouble !== null) void this.#tellTrouble(host, trouble);
    }
  }

  async #tellAlert(host: Host, alert: Alert): Promise<void> {
    const actions = alert.runId === null ? ['Acknowledge'] : ['Open Output', 'Acknowledge'];
    const message = `${host.name}: ${alert.title}: ${alert.message}`;
    const tell = alert.level === 'critical' ? this.#parts.dialogs.error : this.#parts.dialogs.warn;
    const action = await tell(message, ...actions);
    if (action === undefined) return;
    const target: Target = { kind: 'alert', host: host.name, alertId: alert.id, runId: alert.runId };
    this.#parts.run(action === 'Acknowledge' ? 'acknowledgeAlert' : 'openOutput', target);
  }

  async #tellTrouble(host: Host, trouble: string): Promise<void> {
    const action = await this.#parts.dialogs.warn(`${host.name}: ${trouble}`, 'Open Configuration');
    if (action !== undefined) this.#parts.run('openConfiguration', { kind: 'host', host: host.name });
  }
}
