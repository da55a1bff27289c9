/** All hosts of this editor, kept in step with their definitions. */
import { Emitter, type Unsubscribe } from '../client/emitter.ts';
import type { Host, HostDefinition, HostView } from './host.ts';
import type { HostChange } from './hostStore.ts';

export class Hosts {
  readonly #create: (definition: HostDefinition) => Host;
  readonly #entries = new Map<string, { readonly host: Host; readonly unsubscribe: readonly Unsubscribe[] }>();
  readonly #changed = new Emitter<undefined>();
  readonly #data = new Emitter<{ readonly host: Host; readonly change: HostChange }>();

  constructor(create: (definition: HostDefinition) => Host) {
    this.#create = create;
  }

  /** The list, a connection or the data of a host has changed. */
  readonly onDidChange = this.#changed.on;
  /** The data of a host has moved on by one snapshot or event. */
  readonly onData = this.#data.on;

  get all(): readonly Host[] {
    return [...this.#entries.values()].map((entry) => entry.host);
  }

  get(name: string): Host | undefined {
    return this.#entries.get(name)?.host;
  }

  views(): readonly HostView[] {
    return this.all.map((host) => host.view());
  }

  /** Adds, removes and replaces hosts so that they are these, in this order. Connections of unchanged ones stay. */
  define(definitions: readonly HostDefinition[]): void {
    const before = new Map(this.#entries);
    this.#entries.clear();
    for (const definition of definitions) {
      if (this.#entries.has(definition.name)) continue;
      const existing = before.get(definition.name);
      if (existing?.host.definition.url === definition.url) {
        before.delete(definition.name);
        this.#entries.set(definition.name, existing);
      } else this.#entries.set(definition.name, this.#add(definition));
    }
    for (const entry of before.values()) drop(entry);
    this.#changed.fire(undefined);
  }

  stop(): void {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    for (const entry of entries) drop(entry);
  }

  #add(definition: HostDefinition): { readonly host: Host; readonly unsubscribe: readonly Unsubscribe[] } {
    const host = this.#create(definition);
    const unsubscribe = [
      host.onDidChange(() => {
        this.#changed.fire(undefined);
      }),
      host.onData((change) => {
        this.#data.fire({ host, change });
      }),
    ];
    return { host, unsubscribe };
  }
}

function drop(entry: { readonly host: Host; readonly unsubscribe: readonly Unsubscribe[] }): void {
  for (const unsubscribe of entry.unsubscribe) unsubscribe();
  entry.host.client.stop();
}
