/** Maintenance windows: opens, extends and ends them, with mode, held alerts and plan. */
import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { EventBus } from '../events.ts';
import type { MaintenanceWindow } from '../protocol/nouns.ts';
import { callAt, type Clock } from '../schedule/clock.ts';
import { RequestError } from '../server/requestError.ts';
import { appendAudit } from '../store/audit.ts';
import type { Database } from '../store/database.ts';
import { findWindowByRequest, getWindow, listOpenWindows, saveWindow } from '../store/documents.ts';
import type { FlagFile } from './flagFile.ts';
import { ModeGuard } from './guard.ts';
import { disableMode, enableMode } from './mode.ts';
import { isActiveAt, isOpen, reduceWindow, type WindowAction } from './windowState.ts';

export interface OpenRequest {
  readonly requestId: string;
  readonly title: string | null;
  readonly reason: string;
  readonly minutes: number;
  readonly plan: readonly string[];
  readonly actor: string;
}

export interface WindowsParts {
  readonly database: Database;
  readonly events: EventBus;
  readonly clock: Clock;
  readonly log: Logger;
  /** Folder for guard files. */
  readonly directory: string;
  readonly flagFile: () => FlagFile;
  /** Runs the plan's tasks in order; each id is told as it starts. */
  readonly runPlan: (window: MaintenanceWindow, onStarted: (runId: string) => void) => void;
  /** Held alerts are looked at again. */
  readonly onClosed: () => void;
}

export class Windows {
  readonly #parts: WindowsParts;
  readonly #guard: ModeGuard;
  readonly #timers = new Map<string, () => void>();

  constructor(parts: WindowsParts) {
    this.#parts = parts;
    this.#guard = new ModeGuard(parts.directory);
  }

  /** Closes what should have ended while no agent ran; takes the others up again. */
  start(): void {
    const now = this.#parts.clock.now();
    for (const window of listOpenWindows(this.#parts.database)) {
      if (isActiveAt(window, now)) this.#arm(window);
      else this.#close(window, 'upkeep', 'its time was up while the agent was down');
    }
  }

  /** Windows stay open: the guard, or the next agent, ends them. */
  stop(): void {
    for (const disarm of this.#timers.values()) disarm();
    this.#timers.clear();
  }

  open(request: OpenRequest): MaintenanceWindow {
    const earlier = findWindowByRequest(this.#parts.database, request.requestId);
    if (earlier !== null) return earlier;
    const now = this.#parts.clock.now();
    const { file: flagFile, problem } = this.#parts.flagFile();
    const text = `Maintenance: ${request.reason.replaceAll(/\s+/g, ' ')}`;
    const mode = flagFile === null ? { on: false, problem } : enableMode(flagFile, text);
    const window: MaintenanceWindow = {
      id: `win-${new Date(now).toISOString().slice(0, 10)}-${randomBytes(4).toString('hex')}`,
      title: request.title ?? 'Maintenance',
      reason: request.reason,
      state: 'active',
      openedBy: request.actor,
      startsAt: new Date(now).toISOString(),
      endsAt: new Date(now + request.minutes * 60_000).toISOString(),
      closedAt: null,
      closedReason: null,
      plan: [...request.plan],
      planRuns: [],
      mode: { flagFile, ...mode },
      heldAlerts: 0,
    };
    this.#save(window, request.requestId);
    this.#audit(request.actor, 'window.open', window, { minutes: request.minutes, plan: window.plan, mode });
    if (flagFile !== null) this.#guard.arm(window.id, flagFile, Date.parse(window.endsAt), true);
    this.#arm(window);
    if (window.plan.length > 0) {
      this.#parts.runPlan(window, (runId) => {
        this.#apply(window.id, { type: 'planned', runId });
      });
    }
    return window;
  }

  extend(windowId: string, minutes: number, actor: string): MaintenanceWindow {
    const window = this.#openOne(windowId);
    const extended = this.#apply(window.id, { type: 'extend', byMs: minutes * 60_000 });
    if (window.mode.flagFile !== null) {
      this.#guard.arm(window.id, window.mode.flagFile, Date.parse(extended.endsAt), false);
    }
    this.#audit(actor, 'window.extend', extended, { minutes });
    this.#arm(extended);
    return extended;
  }

  end(windowId: string, actor: string, reason: string | null): MaintenanceWindow {
    return this.#close(this.#openOne(windowId), actor, `ended by ${actor}${reason === null ? '' : `: ${reason}`}`);
  }

  /** The open windows that hold now. */
  active(): readonly MaintenanceWindow[] {
    const now = this.#parts.clock.now();
    return listOpenWindows(this.#parts.database).filter((window) => isActiveAt(window, now));
  }

  /** What children find in their environment while a window is open: its id and its end, as they are when they start. */
  environment(): Readonly<Record<string, string>> {
    const [last] = [...this.active()].sort((a, b) => b.endsAt.localeCompare(a.endsAt));
    return last === undefined ? {} : { UPKEEP_WINDOW: last.id, UPKEEP_WINDOW_ENDS: last.endsAt };
  }

  /** Notes on each active window how many alerts it holds back. */
  noteHeld(alerts: number): void {
    for (const window of this.active()) {
      if (window.heldAlerts !== alerts) this.#apply(window.id, { type: 'held', alerts });
    }
  }

  #close(window: MaintenanceWindow, actor: string, reason: string): MaintenanceWindow {
    this.#timers.get(window.id)?.();
    this.#timers.delete(window.id);
    const closed = this.#apply(window.id, { type: 'close', at: this.#parts.clock.now(), reason });
    this.#audit(actor, 'window.close', closed, { reason });
    const done = this.#switchOff(closed);
    this.#guard.disarm(window.id);
    this.#parts.log.info({ window: window.id, reason, mode: done.mode }, 'maintenance window closed');
    this.#parts.onClosed();
    return done;
  }

  /** Mode goes off only with the last window that uses the same flag file. */
  #switchOff(window: MaintenanceWindow): MaintenanceWindow {
    const { flagFile } = window.mode;
    if (flagFile === null || this.active().some((other) => other.mode.flagFile === flagFile)) return window;
    return this.#apply(window.id, { type: 'mode', ...disableMode(flagFile) });
  }

  #arm(window: MaintenanceWindow): void {
    this.#timers.get(window.id)?.();
    const disarm = callAt(this.#parts.clock, Date.parse(window.endsAt), () => {
      const current = getWindow(this.#parts.database, window.id);
      if (current !== null && isOpen(current)) this.#close(current, 'upkeep', 'its time was up');
    });
    this.#timers.set(window.id, disarm);
  }

  #openOne(windowId: string): MaintenanceWindow {
    const window = getWindow(this.#parts.database, windowId);
    if (window === null) throw new RequestError('notFound', `There is no window ${windowId}.`);
    if (!isOpen(window)) throw new RequestError('conflict', `The window ${windowId} is already ${window.state}.`);
    return window;
  }

  #apply(windowId: string, action: WindowAction): MaintenanceWindow {
    const current = getWindow(this.#parts.database, windowId);
    if (current === null) throw new RequestError('notFound', `There is no window ${windowId}.`);
    const next = reduceWindow(current, action);
    this.#save(next, null);
    return next;
  }

  #save(window: MaintenanceWindow, requestId: string | null): void {
    this.#parts.database.transaction(() => {
      saveWindow(this.#parts.database, window, requestId);
      this.#parts.events.emit('window.changed', { window });
    });
  }

  #audit(actor: string, action: string, window: MaintenanceWindow, detail: Record<string, unknown>): void {
    const at = this.#parts.clock.now();
    appendAudit(this.#parts.database, { at, actor, action, target: window.id, reason: window.reason, detail });
  }
}
