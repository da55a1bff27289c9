/** Small parts that several sections use. */
import type { Action, Command } from './dashboardSchema.ts';
import { element, type Child } from './element.ts';

export type RunCommand = (command: Command) => void;

/** Buttons of the toolkit; `scope` makes their keys unique, so that the focus survives a new drawing. */
export function actionButtons(actions: readonly Action[], scope: string, run: RunCommand): HTMLElement | null {
  if (actions.length === 0) return null;
  return element('div', { class: 'actions' }, ...actions.map((action) => actionButton(action, scope, run)));
}

function actionButton(action: Action, scope: string, run: RunCommand): HTMLElement {
  const button = element(
    'vscode-button',
    {
      appearance: action.primary ? 'primary' : 'secondary',
      'aria-label': action.spoken,
      title: action.spoken,
      'data-key': `${scope}/${action.command.name}`,
    },
    action.label,
  );
  button.addEventListener('click', () => {
    run(action.command);
  });
  return button;
}

/** A heading with a count. */
export function heading(text: string, count: number | null): HTMLElement {
  const badge = count === null || count === 0 ? null : element('vscode-badge', {}, String(count));
  return element('h2', {}, text, badge);
}

/** What a section says beneath its content, or instead of it. */
export function note(text: string): HTMLElement | null {
  return text === '' ? null : element('p', { class: 'note' }, text);
}

/** Text for screen readers alone. */
export function spoken(text: string): HTMLElement {
  return element('span', { class: 'spoken' }, text);
}

export function list(className: string, items: readonly Child[]): HTMLElement {
  return element('ul', { class: className }, ...items);
}
