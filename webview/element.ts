/** Makes elements. Text is only ever text: nothing here, and nothing else in a page, reads HTML. */

export type Attributes = Readonly<Record<string, string>>;
export type Child = Node | string | null;

/** An element with these attributes; a child that is a string becomes a text, null is left out. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes,
  ...children: readonly Child[]
): HTMLElementTagNameMap[K];
export function element(tag: string, attributes: Attributes, ...children: readonly Child[]): HTMLElement;
export function element(tag: string, attributes: Attributes, ...children: readonly Child[]): HTMLElement {
  return filled(document.createElement(tag), attributes, children);
}

export function drawing<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes,
  ...children: readonly Child[]
): SVGElementTagNameMap[K] {
  return filled(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
}

/** Styles that depend on data: set one by one, which the page's policy allows, unlike a `style` attribute. */
export function styled<E extends HTMLElement | SVGElement>(target: E, styles: Attributes): E {
  for (const [name, value] of Object.entries(styles)) target.style.setProperty(name, value);
  return target;
}

/** `0.125` → `12.5%` */
export function percent(share: number): string {
  return `${Math.round(share * 1e4) / 100}%`;
}

function filled<E extends Element>(target: E, attributes: Attributes, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(attributes)) target.setAttribute(name, value);
  target.append(...children.filter((child) => child !== null));
  return target;
}
