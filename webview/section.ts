/** A part of the page that is drawn anew only when its model has changed; the keyboard's focus stays where it was. */
import { element, type Child } from './element.ts';

export class Section<T> {
  readonly root: HTMLElement;
  readonly #draw: (model: T) => readonly Child[];
  #drawn: string | null = null;

  /** `label`: for screen readers; null: the part is no landmark of its own. */
  constructor(className: string, label: string | null, draw: (model: T) => readonly Child[]) {
    this.root = element(label === null ? 'div' : 'section', {
      class: className,
      ...(label === null ? {} : { 'aria-label': label }),
    });
    this.#draw = draw;
  }

  show(model: T): void {
    const text = JSON.stringify(model);
    if (text === this.#drawn) return;
    this.#drawn = text;
    const key = this.#focusedKey();
    this.root.replaceChildren(...this.#draw(model).filter((child) => child !== null));
    if (key !== null) this.#focus(key);
  }

  #focusedKey(): string | null {
    const active = document.activeElement;
    return active !== null && this.root.contains(active) ? active.getAttribute('data-key') : null;
  }

  #focus(key: string): void {
    for (const candidate of this.root.querySelectorAll<HTMLElement | SVGElement>('[data-key]'))
      if (candidate.dataset['key'] === key) candidate.focus();
  }
}
