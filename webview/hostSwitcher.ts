/** The name of the host; with several hosts a list to choose from. */
import type { Dashboard } from './dashboardSchema.ts';
import { element } from './element.ts';
import { icon } from './icons.ts';

type Hosts = Dashboard['hosts'];

export class HostSwitcher {
  readonly root: HTMLElement;
  readonly #select: (host: string) => void;
  readonly #name = element('h1', {});
  readonly #state = element('span', { class: 'host-state' });
  readonly #about = element('span', { class: 'about' });
  readonly #choice = element('div', { class: 'host-choice' });
  #names = '';
  #dropdown: (HTMLElement & { value: string }) | null = null;

  constructor(select: (host: string) => void) {
    this.#select = select;
    const facts = element('p', { class: 'host-facts' }, this.#state, this.#about);
    this.root = element('div', { class: 'host' }, this.#name, this.#choice, facts);
  }

  show({ hosts, selected, about }: Pick<Dashboard, 'hosts' | 'selected' | 'about'>): void {
    const one = hosts.find((host) => host.name === selected);
    this.#name.textContent = hosts.length > 1 ? 'Dashboard' : (one?.label ?? '');
    this.#name.classList.toggle('spoken', hosts.length > 1);
    this.#about.textContent = about;
    if (one === undefined) this.#state.replaceChildren();
    else this.#state.replaceChildren(icon(markOf(one), one.tone), one.text);
    this.#showChoice(hosts, selected);
  }

  /** The list stays the same element while its names do, so that it stays open while its texts change. */
  #showChoice(hosts: Hosts, selected: string | null): void {
    const names = JSON.stringify(hosts.map((host) => host.name));
    if (names !== this.#names) {
      this.#names = names;
      this.#dropdown = hosts.length > 1 ? this.#makeDropdown(hosts) : null;
      this.#choice.replaceChildren(...(this.#dropdown === null ? [] : [this.#dropdown]));
    }
    this.#dropdown?.querySelectorAll('vscode-option').forEach((option, index) => {
      const host = hosts[index];
      const text = host === undefined ? '' : `${host.label} (${host.text})`;
      if (option.textContent !== text) option.textContent = text;
    });
    if (this.#dropdown !== null && selected !== null && this.#dropdown.value !== selected)
      this.#dropdown.value = selected;
  }

  #makeDropdown(hosts: Hosts): HTMLElement & { value: string } {
    const options = hosts.map((host) => element('vscode-option', { value: host.name }));
    const dropdown = element('vscode-dropdown', { 'aria-label': 'Host', 'data-key': 'host' }, ...options);
    const withValue = Object.assign(dropdown, { value: '' });
    dropdown.addEventListener('change', () => {
      this.#select(withValue.value);
    });
    return withValue;
  }
}

function markOf({ tone }: Hosts[number]): Parameters<typeof icon>[0] {
  const marks = {
    good: 'pass',
    none: 'host',
    busy: 'running',
    warning: 'warning',
    bad: 'error',
    muted: 'offline',
  } as const;
  return marks[tone];
}
