/** The life behind one dashboard page, without VS Code: sends the model when it has changed, obeys what the page asks. */
import { parsePageMessage, type HostMessage, type PageMessage } from '../../webview/protocol.ts';
import type { Command } from '../../webview/dashboardSchema.ts';
import type { Log } from '../client/log.ts';
import type { HostView } from '../state/host.ts';
import { plain } from '../views/text.ts';
import { dashboardModel } from './dashboardModel.ts';
import { RunHistory, type ListRuns } from './runHistory.ts';
import { pastMs } from './timeline.ts';

/** The page, as the session needs it. */
export interface PagePort {
  readonly post: (message: HostMessage) => void;
  readonly isVisible: () => boolean;
}

/** The hosts, as the session needs them. */
export interface HostsPort {
  readonly views: () => readonly HostView[];
  readonly onDidChange: (listener: () => void) => () => void;
  readonly listRuns: ListRuns;
}

export interface SessionParts {
  readonly hosts: HostsPort;
  readonly page: PagePort;
  readonly run: (command: Command) => void;
  readonly log: Log;
  readonly now?: () => Date;
}

/** Changes within this time are sent together. */
const gatherMs = 200;
/** Times on the page move on at least so often. */
const tickMs = 15_000;

export class DashboardSession {
  readonly #parts: SessionParts;
  readonly #history: RunHistory;
  readonly #unsubscribe: () => void;
  #selected: string | null;
  #timer: NodeJS.Timeout | null = null;
  /** When the timer will fire, in milliseconds since 1970. */
  #due = 0;
  #ready = false;

  /** `selected`: the host to begin with; null: the first that has data. */
  constructor(parts: SessionParts, selected: string | null) {
    this.#parts = parts;
    this.#selected = selected;
    const changed = (): void => {
      this.#later(gatherMs);
    };
    this.#history = new RunHistory(parts.hosts.listRuns, pastMs, parts.log, changed);
    this.#unsubscribe = parts.hosts.onDidChange(changed);
  }

  select(host: string): void {
    this.#selected = host;
    this.#later(0);
  }

  /** The page was shown or hidden: a hidden one is left alone, a shown one gets what is new. */
  visibilityChanged(): void {
    this.#later(0);
  }

  /** Takes a message of the page; one that can not be read is logged and changes nothing. */
  receive(data: unknown): void {
    const parsed = parsePageMessage(data);
    if ('problem' in parsed) this.#parts.log.warn(`dashboard: a message of the page was refused: ${parsed.problem}`);
    else this.#obey(parsed.message);
  }

  dispose(): void {
    this.#unsubscribe();
    this.#ready = false;
    this.#clear();
  }

  #obey(message: PageMessage): void {
    switch (message.type) {
      case 'ready':
        this.#ready = true;
        this.#send();
        break;
      case 'selectHost':
        this.select(message.host);
        break;
      case 'command':
        this.#parts.run(message.command);
        break;
      case 'problem':
        this.#parts.log.error(`dashboard: ${plain(message.message)}`);
        break;
    }
  }

  /** Sends after this time, or earlier where that was meant already. */
  #later(delayMs: number): void {
    if (!this.#ready) return;
    const due = Date.now() + delayMs;
    if (this.#timer !== null && this.#due <= due) return;
    this.#clear();
    this.#due = due;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#send();
    }, delayMs);
  }

  #clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #send(): void {
    if (!this.#ready || !this.#parts.page.isVisible()) return;
    this.#clear();
    const now = this.#parts.now?.() ?? new Date();
    const hosts = this.#parts.hosts.views();
    this.#history.retain(new Set(hosts.map((host) => host.name)));
    const dashboard = dashboardModel({
      hosts,
      selected: this.#selected,
      runsOf: (host) => this.#history.runsOf(host, now),
      now,
    });
    this.#parts.page.post({ type: 'dashboard', dashboard });
    this.#later(tickMs);
  }
}
