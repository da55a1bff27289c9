/** Alerts: firing → acknowledged → resolved. Inside a maintenance window they are held, and looked at again at its end. */
import { randomBytes } from 'node:crypto';
import type { EventBus } from '../events.ts';
import type { Alert, FindingLevel } from '../protocol/nouns.ts';
import type { Clock } from '../schedule/clock.ts';
import { RequestError } from '../server/requestError.ts';
import { appendAudit } from '../store/audit.ts';
import type { Database } from '../store/database.ts';
import { findOpenAlert, getAlert, listOpenAlerts, saveAlert } from '../store/documents.ts';
import { dropUntold, markTold, saveNotice, seeNotice, toldStage, type Notice } from '../store/notices.ts';

export interface AlertCondition {
  readonly key: string;
  readonly level: FindingLevel;
  readonly title: string;
  readonly message: string;
  readonly runId: string | null;
  /** Told once for each stage that this thing reaches, by one of its alerts, and not again when it comes back; without it once per alert. */
  readonly notice?: Notice;
}

export interface AlertsParts {
  readonly database: Database;
  readonly events: EventBus;
  readonly clock: Clock;
  readonly inWindow: () => boolean;
  readonly noteHeld: (count: number) => void;
  /** Tells people; called once per alert or stage, and not while it is held. */
  readonly notify: (alert: Alert) => void;
}

export class Alerts {
  readonly #parts: AlertsParts;

  constructor(parts: AlertsParts) {
    this.#parts = parts;
  }

  raise({ notice, ...condition }: AlertCondition): void {
    const at = this.#parts.clock.now();
    const now = new Date(at).toISOString();
    const open = findOpenAlert(this.#parts.database, condition.key);
    const due = notice === undefined ? open === null : this.#isDue(condition.key, notice, at);
    const held = due && this.#parts.inWindow();
    const firing = { state: 'firing', acknowledgedBy: null, held } as const;
    const { level, message, runId } = condition;
    const alert = this.#save(
      open === null
        ? {
            id: `alert-${randomBytes(6).toString('hex')}`,
            ...condition,
            ...firing,
            since: now,
            updatedAt: now,
            count: 1,
          }
        : { ...open, level, message, runId, updatedAt: now, count: open.count + 1, ...(due ? firing : {}) },
    );
    if (!due) return;
    if (notice !== undefined) saveNotice(this.#parts.database, condition.key, notice, !held, at);
    if (held) this.#parts.noteHeld(this.#held().length);
    else this.#parts.notify(alert);
  }

  /** The condition is gone. */
  resolve(key: string): void {
    const open = findOpenAlert(this.#parts.database, key);
    if (open === null) return;
    dropUntold(this.#parts.database, key);
    this.#save({ ...open, state: 'resolved', held: false, updatedAt: new Date(this.#parts.clock.now()).toISOString() });
  }

  /** Resolves every open alert whose key begins so and is not among `still`. */
  resolveOthers(prefix: string, still: ReadonlySet<string>): void {
    for (const alert of listOpenAlerts(this.#parts.database)) {
      if (alert.key.startsWith(prefix) && !still.has(alert.key)) this.resolve(alert.key);
    }
  }

  acknowledge(alertId: string, actor: string): Alert {
    const alert = getAlert(this.#parts.database, alertId);
    if (alert === null) throw new RequestError('notFound', `There is no alert ${alertId}.`);
    if (alert.state === 'resolved') throw new RequestError('conflict', `"${alert.title}" is already resolved.`);
    const at = this.#parts.clock.now();
    appendAudit(this.#parts.database, {
      at,
      actor,
      action: 'alert.acknowledge',
      target: alert.key,
      reason: null,
      detail: {},
    });
    return this.#save({
      ...alert,
      state: 'acknowledged',
      acknowledgedBy: actor,
      updatedAt: new Date(at).toISOString(),
    });
  }

  /** A window has ended: what still fires is told now. */
  release(): void {
    if (this.#parts.inWindow()) return;
    for (const alert of this.#held()) {
      const released = this.#save({ ...alert, held: false });
      if (released.state !== 'firing') continue;
      markTold(this.#parts.database, alert.key);
      this.#parts.notify(released);
    }
  }

  open(): readonly Alert[] {
    return listOpenAlerts(this.#parts.database);
  }

  #isDue(key: string, { identity, stage }: Notice, now: number): boolean {
    seeNotice(this.#parts.database, identity, now);
    const told = toldStage(this.#parts.database, key, identity);
    return told === null || told < stage;
  }

  #held(): readonly Alert[] {
    return listOpenAlerts(this.#parts.database).filter((alert) => alert.held);
  }

  #save(alert: Alert): Alert {
    this.#parts.database.transaction(() => {
      saveAlert(this.#parts.database, alert);
      this.#parts.events.emit('alert.changed', { alert });
    });
    return alert;
  }
}
