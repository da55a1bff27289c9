/** Notices: banners over the data, or one large in the middle while there is none. */
import type { Notice } from './dashboardSchema.ts';
import { element, type Child } from './element.ts';
import { icon } from './icons.ts';
import { actionButtons, type RunCommand } from './parts.ts';

/** `alone`: there is nothing else on the page. */
export function drawNotices(notices: readonly Notice[], alone: boolean, run: RunCommand): Child[] {
  return notices.map((notice, index) => {
    const sign = notice.busy ? element('vscode-progress-ring', {}) : icon(notice.mark, notice.tone);
    const words = element(
      'div',
      { class: 'notice-words' },
      element(alone ? 'h1' : 'strong', {}, notice.title),
      notice.text === '' ? null : element('p', {}, notice.text),
    );
    return element(
      'div',
      { class: `notice tone-${notice.tone}${alone ? ' alone' : ''}` },
      element('div', { class: 'notice-sign' }, sign),
      words,
      actionButtons(notice.actions, `notice/${index}`, run),
    );
  });
}
