/** Tells of alerts, of runs to approve and of a refused configuration, each once; alerts that come together are told together. */
import type * as vscode from 'vscode';
import type { Alert } from '../agent/protocol/nouns.ts';
import type { Dialogs } from './dialogs.ts';
import type { Host } from './state/host.ts';
import type { Hosts } from './state/hosts.ts';
import type { HostChange } from './state/hostStore.ts';
import { approvalRequestText, type WaitingRun } from './views/approvals.ts';
import { certificateSource } from './views/foundCertificates.ts';
import type { Target } from './views/node.ts';
import {
  alertText,
  alertsText,
  alertsToAnnounce,
  approvalsToAnnounce,
  configurationTrouble,
  type Announcing,
} from './views/notifications.ts';

export interface AnnouncerParts {
  readonly hosts: Hosts;
  readonly dialogs: Dialogs;
  readonly level: () => Announcing;
  readonly showAlerts: () => void;
  readonly run: (
    command: 'openOutput' | 'showCertificate' | 'acknowledgeAlert' | 'openConfiguration' | 'approveRun' | 'rejectRun',
    target: Target,
  ) => void;
}

/** One run may find many problems, and each is an event of its own: they are gathered for so long. */
const gatherMs = 400;
/** More than this at once are told in one notification. */
const mostApart = 2;

export class Announcer implements vscode.Disposable {
  readonly #parts: AnnouncerParts;
  /** By host. */
  readonly #announced = new Map<string, Set<string>>();
  readonly #gathered = new Map<Host, { readonly alerts: Alert[]; readonly timer: NodeJS.Timeout }>();
  /** Runs to approve, by host. */
  readonly #asked = new Map<string, Set<string>>();
  /** What was looked at last of each host, so that nothing is looked at twice. */
  readonly #looked = new WeakMap<Host, { readonly runs: unknown; readonly connection: unknown }>();
  readonly #unsubscribe: readonly (() => void)[];

  constructor(parts: AnnouncerParts) {
    this.#parts = parts;
    this.#unsubscribe = [
      parts.hosts.onData(({ host, change }) => {
        this.#look(host, change);
      }),
      // Who one is there is known only once the connection stands, after the first snapshot.
      parts.hosts.onDidChange(() => {
        for (const host of parts.hosts.all) this.#askForApproval(host);
      }),
    ];
  }

  dispose(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    for (const { timer } of this.#gathered.values()) clearTimeout(timer);
    this.#gathered.clear();
  }

  #look(host: Host, { previous, next }: HostChange): void {
    if (previous?.alerts !== next.alerts) {
      const announced = this.#announced.get(host.name) ?? new Set();
      this.#announced.set(host.name, announced);
      this.#gather(host, alertsToAnnounce(previous, next, announced, this.#parts.level()));
    }
    if (previous?.config !== next.config) {
      const trouble = configurationTrouble(previous?.config ?? null, next.config);
      if (trouble !== null) void this.#tellTrouble(host, trouble);
    }
  }

  #askForApproval(host: Host): void {
    const { runs } = host.store.data ?? { runs: null };
    const connection = host.client.state;
    const before = this.#looked.get(host);
    if (before?.runs === runs && before.connection === connection) return;
    this.#looked.set(host, { runs, connection });
    const asked = this.#asked.get(host.name) ?? new Set();
    this.#asked.set(host.name, asked);
    for (const run of approvalsToAnnounce(host.view(), asked, this.#parts.level())) void this.#tellWaiting(host, run);
  }

  async #tellWaiting(host: Host, run: WaitingRun): Promise<void> {
    const action = await this.#parts.dialogs.inform(approvalRequestText(host.name, run), 'Approve…', 'Reject…');
    if (action === undefined) return;
    const target: Target = { kind: 'run', host: host.name, runId: run.id };
    this.#parts.run(action === 'Approve…' ? 'approveRun' : 'rejectRun', target);
  }

  #gather(host: Host, alerts: readonly Alert[]): void {
    if (alerts.length === 0) return;
    const open = this.#gathered.get(host);
    if (open !== undefined) {
      open.alerts.push(...alerts);
      return;
    }
    const timer = setTimeout(() => {
      const all = this.#gathered.get(host)?.alerts ?? [];
      this.#gathered.delete(host);
      if (all.length > mostApart) void this.#tellTogether(host, all);
      else for (const alert of all) void this.#tellAlert(host, alert);
    }, gatherMs);
    this.#gathered.set(host, { alerts: [...alerts], timer });
  }

  async #tellTogether(host: Host, alerts: readonly Alert[]): Promise<void> {
    const [first] = alerts;
    const runId = first?.runId ?? null;
    const oneRun = runId !== null && alerts.every((alert) => alert.runId === runId);
    const critical = alerts.some(({ level }) => level === 'critical');
    const tell = critical ? this.#parts.dialogs.error : this.#parts.dialogs.warn;
    const action = await tell(alertsText(host.name, alerts), ...(oneRun ? ['Open Output'] : []), 'Show Alerts');
    if (action === 'Show Alerts') this.#parts.showAlerts();
    else if (action !== undefined && first !== undefined) {
      this.#parts.run('openOutput', { kind: 'alert', host: host.name, alertId: first.id, runId: first.runId });
    }
  }

  async #tellAlert(host: Host, alert: Alert): Promise<void> {
    const ofCertificate = certificateSource(alert) !== null;
    const look = ofCertificate ? ['Show Certificate'] : alert.runId === null ? [] : ['Open Output'];
    const actions = [...look, 'Acknowledge'];
    const message = alertText(host.name, alert);
    const tell = alert.level === 'critical' ? this.#parts.dialogs.error : this.#parts.dialogs.warn;
    const action = await tell(message, ...actions);
    if (action === undefined) return;
    const target: Target = { kind: 'alert', host: host.name, alertId: alert.id, runId: alert.runId };
    this.#parts.run(
      action === 'Acknowledge' ? 'acknowledgeAlert' : ofCertificate ? 'showCertificate' : 'openOutput',
      target,
    );
  }

  async #tellTrouble(host: Host, trouble: string): Promise<void> {
    const action = await this.#parts.dialogs.warn(`${host.name}: ${trouble}`, 'Open Configuration');
    if (action !== undefined) this.#parts.run('openConfiguration', { kind: 'host', host: host.name });
  }
}
