/** Alerts that stand, and those of the last day. */
import type { AlertRow, Body } from './dashboardSchema.ts';
import { element, type Child } from './element.ts';
import { icon } from './icons.ts';
import { actionButtons, heading, list, note, type RunCommand } from './parts.ts';

export function drawAlerts({ alerts, notes }: Pick<Body, 'alerts' | 'notes'>, run: RunCommand): Child[] {
  const open = alerts.filter((alert) => alert.open).length;
  return [
    heading('Alerts', open),
    alerts.length === 0
      ? null
      : list(
          'rows',
          alerts.map((alert) => alertItem(alert, run)),
        ),
    note(notes.alerts),
  ];
}

function alertItem(alert: AlertRow, run: RunCommand): HTMLElement {
  return element(
    'li',
    { class: `row alert${alert.open ? '' : ' past'}` },
    icon(alert.mark, alert.tone),
    element('p', { class: 'row-title' }, element('span', {}, alert.title), element('vscode-tag', {}, alert.state)),
    element('span', { class: 'when' }, alert.when),
    element('p', { class: 'row-detail' }, alert.message),
    actionButtons(alert.actions, `alert/${alert.id}`, run),
  );
}
