/** States of a maintenance window and what moves it from one to the next: pure, and an illegal move changes nothing. */
import type { MaintenanceWindow } from '../protocol/nouns.ts';

export type WindowAction =
  | { readonly type: 'extend'; readonly byMs: number }
  | { readonly type: 'mode'; readonly on: boolean; readonly problem: string | null }
  | { readonly type: 'planned'; readonly runId: string }
  | { readonly type: 'held'; readonly alerts: number }
  | { readonly type: 'close'; readonly at: number; readonly reason: string }
  | { readonly type: 'abort'; readonly at: number; readonly reason: string };

export function isOpen(window: MaintenanceWindow): boolean {
  return window.state !== 'closed' && window.state !== 'aborted';
}

/** Computed from the window itself at each decision, never from a timer that someone holds. */
export function isActiveAt(window: MaintenanceWindow, now: number): boolean {
  return isOpen(window) && Date.parse(window.startsAt) <= now && now < Date.parse(window.endsAt);
}

export function reduceWindow(window: MaintenanceWindow, action: WindowAction): MaintenanceWindow {
  if (!isOpen(window)) return action.type === 'mode' ? withMode(window, action) : window;
  switch (action.type) {
    case 'extend':
      return { ...window, endsAt: new Date(Date.parse(window.endsAt) + action.byMs).toISOString() };
    case 'mode':
      return withMode(window, action);
    case 'planned':
      return { ...window, planRuns: [...window.planRuns, action.runId] };
    case 'held':
      return { ...window, heldAlerts: action.alerts };
    case 'close':
      return end(window, 'closed', action);
    case 'abort':
      return end(window, 'aborted', action);
  }
}

function withMode(window: MaintenanceWindow, action: Extract<WindowAction, { type: 'mode' }>): MaintenanceWindow {
  return { ...window, mode: { ...window.mode, on: action.on, problem: action.problem } };
}

function end(
  window: MaintenanceWindow,
  state: 'closed' | 'aborted',
  action: { readonly at: number; readonly reason: string },
): MaintenanceWindow {
  return { ...window, state, closedAt: new Date(action.at).toISOString(), closedReason: action.reason };
}
