/** What is said of one run while it is pointed at or has the focus. */
import type { Bar } from './dashboardSchema.ts';
import { element, styled } from './element.ts';
import { icon } from './icons.ts';

export class TimelineDetails {
  /** Placed in the frame of the chart. */
  readonly root = element('div', { class: 'details', role: 'tooltip', hidden: '' });
  #shown: string | null = null;

  /** `anchor`: what it belongs to, inside `frame`. */
  show(bar: Bar, anchor: Element, frame: Element): void {
    if (this.#shown !== bar.id) {
      this.#shown = bar.id;
      this.root.replaceChildren(
        element('p', { class: 'details-title' }, icon(bar.mark, bar.tone), bar.title),
        ...bar.lines.map((line) => element('p', {}, line)),
        element('p', { class: 'details-hint' }, bar.command === null ? 'No output' : 'Click or Enter opens the output'),
      );
    }
    this.root.hidden = false;
    this.#place(anchor.getBoundingClientRect(), frame.getBoundingClientRect());
  }

  hide(): void {
    this.#shown = null;
    this.root.hidden = true;
  }

  /** Below its bar; above it where the window ends; never beyond the sides. */
  #place(bar: DOMRect, frame: DOMRect): void {
    const { width, height } = this.root.getBoundingClientRect();
    const middle = (Math.max(bar.left, frame.left) + Math.min(bar.right, frame.right)) / 2;
    const left = Math.max(0, Math.min(frame.width - width, middle - frame.left - width / 2));
    const below = bar.bottom + 4 + height <= window.innerHeight;
    const top = below ? bar.bottom - frame.top + 2 : bar.top - frame.top - height - 2;
    styled(this.root, { left: `${Math.round(left)}px`, top: `${Math.round(top)}px` });
  }
}

/** All that the details say, in one sentence for screen readers. */
export function spokenBar(bar: Bar): string {
  return [bar.title, ...bar.lines].join(', ');
}
