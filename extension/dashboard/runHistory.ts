/**
 * The runs of the last day of the hosts that the dashboard has shown. A host's data keeps only the newest runs of each task;
 * the others are asked for once per connection, and what the data brings afterwards is kept.
 */
import type { MethodParams, MethodResult } from '../../agent/protocol/methods.ts';
import type { Run } from '../../agent/protocol/nouns.ts';
import { messageOf } from '../client/errors.ts';
import type { Log } from '../client/log.ts';
import type { HostView } from '../state/host.ts';
import { newestFirst } from '../state/hostData.ts';

/** Of `Host` what is needed here. */
export type ListRuns = (host: string, params: MethodParams<'runs.list'>) => Promise<MethodResult<'runs.list'>>;

const pageSize = 500;
/** Runs of one day that are kept of one host. */
const keptRuns = 2000;

interface Kept {
  /** The connection for which the older runs were asked. */
  connection: string;
  /** The data that was merged last. */
  data: HostView['data'];
  runs: ReadonlyMap<string, Run>;
}

export class RunHistory {
  readonly #list: ListRuns;
  readonly #spanMs: number;
  readonly #log: Log;
  readonly #changed: () => void;
  readonly #kept = new Map<string, Kept>();

  /** `changed`: older runs have arrived. */
  constructor(list: ListRuns, spanMs: number, log: Log, changed: () => void) {
    this.#list = list;
    this.#spanMs = spanMs;
    this.#log = log;
    this.#changed = changed;
  }

  /** Newest first: those of the host's data, and those of the span that are known. Asks for what is missing. */
  runsOf(host: HostView, now: Date): readonly Run[] {
    const kept = this.#kept.get(host.name) ?? { connection: '', data: null, runs: new Map<string, Run>() };
    this.#kept.set(host.name, kept);
    if (host.data !== kept.data) {
      kept.runs = this.#merged([...kept.runs.values()], host.data?.runs ?? [], host, now);
      kept.data = host.data;
    }
    if (host.connection.kind === 'online' && host.data !== null) {
      const connection = `${host.data.epoch} ${host.connection.attempt}`;
      if (connection !== kept.connection) {
        if (!kept.connection.startsWith(`${host.data.epoch} `)) kept.runs = this.#merged([], host.data.runs, host, now);
        kept.connection = connection;
        void this.#load(host, kept, connection, now);
      }
    }
    return [...kept.runs.values()];
  }

  /** Forgets hosts that are gone. */
  retain(names: ReadonlySet<string>): void {
    for (const name of this.#kept.keys()) if (!names.has(name)) this.#kept.delete(name);
  }

  async #load(host: HostView, kept: Kept, connection: string, now: Date): Promise<void> {
    const since = now.getTime() - this.#spanMs;
    let before: string | undefined;
    try {
      for (let asked = 0; asked < keptRuns; asked += pageSize) {
        const { runs } = await this.#list(host.name, {
          limit: pageSize,
          ...(before === undefined ? {} : { before }),
        });
        if (kept.connection !== connection) return;
        // What the data says of a run is newer than the answer.
        kept.runs = this.#merged(runs, [...kept.runs.values()], host, now);
        this.#changed();
        const last = runs.at(-1);
        if (runs.length < pageSize || last === undefined || Date.parse(last.queuedAt) < since) return;
        before = last.queuedAt;
      }
    } catch (error) {
      // The next connection asks again; until then the timeline shows what the data holds.
      this.#log.warn(`runs of ${host.name} can not be read: ${messageOf(error)}`);
    }
  }

  /** `newer` wins over `older`; those of the host's data stay whatever their age. */
  #merged(older: readonly Run[], newer: readonly Run[], host: HostView, now: Date): ReadonlyMap<string, Run> {
    const since = now.getTime() - this.#spanMs;
    const current = new Set(host.data?.runs.map((run) => run.id));
    const byId = new Map(older.map((run) => [run.id, run]));
    for (const run of newer) byId.set(run.id, run);
    const kept = [...byId.values()]
      .filter((run) => current.has(run.id) || Date.parse(run.endedAt ?? run.queuedAt) >= since)
      .sort(newestFirst)
      .slice(0, keptRuns);
    return new Map(kept.map((run) => [run.id, run]));
  }
}
