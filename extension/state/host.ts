/** One host: its address, its connection and its data. */
import type { WebSocket } from 'ws';
import { AgentClient } from '../client/agentClient.ts';
import type { RequestOptions } from '../client/clientSession.ts';
import type { ConnectionState } from '../client/connectionState.ts';
import { Emitter } from '../client/emitter.ts';
import type { Log } from '../client/log.ts';
import type { MethodName, MethodParams, MethodResult } from '../../agent/protocol/methods.ts';
import type { Role } from '../../agent/protocol/nouns.ts';
import type { HostData } from './hostData.ts';
import { HostStore, type HostChange } from './hostStore.ts';

export interface HostDefinition {
  /** Unique among the hosts of this editor. */
  readonly name: string;
  /** `ws://…`, `wss://…`, `unix:…`, or `local`. */
  readonly url: string;
}

/** A host as the views see it, at one moment. */
export interface HostView {
  readonly name: string;
  readonly url: string;
  readonly connection: ConnectionState;
  readonly role: Role | null;
  /** Who one is there: the name of the token, or `unix:<user>`. */
  readonly actor: string | null;
  readonly data: HostData | null;
}

export class Host {
  readonly definition: HostDefinition;
  readonly store: HostStore;
  readonly client: AgentClient;
  readonly #changed = new Emitter<Host>();

  constructor(definition: HostDefinition, clientName: string, dial: () => Promise<WebSocket>, log: Log) {
    this.definition = definition;
    this.store = new HostStore(log);
    this.client = new AgentClient({ name: definition.name, clientName, dial, sink: this.store, log });
    this.store.onDidChange(() => {
      this.#changed.fire(this);
    });
    this.client.onDidChange(() => {
      this.#changed.fire(this);
    });
  }

  /** Anything of this host has changed: connection or data. */
  readonly onDidChange = this.#changed.on;

  get onData(): (listener: (change: HostChange) => void) => () => void {
    return this.store.onDidChange;
  }

  get name(): string {
    return this.definition.name;
  }

  get isLocal(): boolean {
    return this.definition.url === 'local';
  }

  /** Paths that its agent names are paths of this machine: elsewhere the same path is another file. */
  get isHere(): boolean {
    return this.isLocal || this.definition.url.startsWith('unix:');
  }

  /** Where it is, for people. */
  get place(): string {
    return this.isLocal ? 'this machine' : this.definition.url;
  }

  /** What one may do there; null while that is not known. */
  get role(): Role | null {
    return this.client.hello?.role ?? null;
  }

  view(): HostView {
    return {
      name: this.definition.name,
      url: this.definition.url,
      connection: this.client.state,
      role: this.role,
      actor: this.client.hello?.actor ?? null,
      data: this.store.data,
    };
  }

  /**
   * Resolves when the data fits, as it will by the event that belongs to an answer; or after a while, as the answer alone
   * is what counts. A command that waits for this leaves views and further commands in step with what it did.
   */
  async seen(fits: (data: HostData) => boolean): Promise<void> {
    const { store } = this;
    if (store.data !== null && fits(store.data)) return;
    await new Promise<void>((resolve) => {
      const finish = (): void => {
        clearTimeout(timer);
        end();
        resolve();
      };
      const end = store.onDidChange(({ next }) => {
        if (fits(next)) finish();
      });
      const timer = setTimeout(finish, eventPatienceMs);
    });
  }

  /** Starts the connection where none is wanted yet, and waits for it; throws why there is none. */
  async connected(signal: AbortSignal = AbortSignal.timeout(connectPatienceMs)): Promise<void> {
    this.client.start();
    await this.client.whenOnline(signal);
  }

  /** Waits for the connection, then asks. */
  async request<M extends MethodName>(
    method: M,
    params: MethodParams<M>,
    options?: RequestOptions,
  ): Promise<MethodResult<M>> {
    await this.connected(options?.signal);
    return this.client.request(method, params, options);
  }
}

/** How long a command waits for a connection that is coming back. */
const connectPatienceMs = 15_000;
/** How long a command waits for the event that belongs to its answer. */
const eventPatienceMs = 3000;
