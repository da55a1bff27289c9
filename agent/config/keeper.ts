/** The configuration in force. A text that refuses something new is reported and not taken: the last good one stays. */
import type { Logger } from 'pino';
import type { ConfigState, Diagnostic } from '../protocol/nouns.ts';
import type { Procedures } from './action.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { lastGoodFile, readLastGood, saveLastGood } from './lastGood.ts';
import { loadConfig, type LoadResult } from './load.ts';
import { reasonOf } from './reason.ts';
import { schedulesHeld } from '../schedule/blackoutsInForce.ts';
import { sectionNames } from './sections.ts';
import type { Config } from './schema.ts';
import type { Environment } from './variables.ts';
import { watchConfig, type Watcher } from './watch.ts';

export interface KeeperOptions {
  /** Absolute path of maintenance.yaml; it need not exist. */
  readonly file: string;
  readonly stateDirectory: string;
  readonly env: Environment;
  readonly procedures: Procedures;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly now?: () => Date;
  /** Learns every secret that a text leads to, before anything is said about that text. */
  readonly secrets?: Pick<Secrets, 'learn' | 'deep'>;
}

type Good = LoadResult & { readonly config: Config };

export class ConfigKeeper {
  readonly #options: KeeperOptions;
  readonly #watcher: Watcher;
  readonly #listeners = new Set<() => void>();
  #good: Good | null = null;
  #loadedAt: Date | null = null;
  /** Of the text on disk, whether it is in force or not. */
  #diagnostics: readonly Diagnostic[] = [];
  #stale = false;
  #copied = false;
  #notSeen: Diagnostic[] = [];
  #work: Promise<void> = Promise.resolve();
  #running = false;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#watcher = watchConfig(
      options.file,
      () => {
        this.reload().catch((error: unknown) => {
          options.log.error({ file: options.file, error }, 'the configuration could not be loaded again');
        });
      },
      (message) => {
        options.log.warn({ file: options.file }, message);
        this.#notSeen = [note('warning', 'not-watched', message)];
      },
    );
  }

  /** Loads the file; when it is unusable the last good copy of it; when there is neither, an empty configuration. */
  async start(): Promise<void> {
    if (this.#running) return this.#work;
    this.#running = true;
    this.#watcher.start();
    return this.#enqueue(() => this.#first());
  }

  async stop(): Promise<void> {
    this.#running = false;
    this.#watcher.stop();
    await this.#work;
  }

  /** Reads the file again. What it then is in is said by `state()`; never rejects for what is wrong with the file. */
  async reload(): Promise<void> {
    return this.#enqueue(() => this.#again());
  }

  /** Throws before `start`. */
  current(): Config {
    return this.#inForce().config;
  }

  /** The text in force; empty when there is no file. */
  text(): string {
    return this.#good?.text ?? '';
  }

  /** A file with the text in force, for children: the copy in the state folder, or the file itself when no copy could be made. */
  currentFile(): string {
    return this.#copied ? lastGoodFile(this.#options.stateDirectory) : this.#options.file;
  }

  /** Tasks of the text in force that never run. A second task of a name is told by the diagnostics alone: the first one runs. */
  refused(): LoadResult['refused'] {
    const { config, refused } = this.#inForce();
    const names = new Set(config.tasks.map((task) => task.name));
    return refused.filter((task) => !names.has(task.name));
  }

  /** Secrets of the text in force by the name that leads to them. */
  namedSecrets(): ReadonlyMap<string, string> {
    return this.#inForce().namedSecrets;
  }

  state(): ConfigState {
    const diagnostics = [...this.#notSeen, ...this.#diagnostics];
    return {
      file: this.#options.file,
      revision: this.#good?.revision ?? null,
      loadedAt: this.#loadedAt?.toISOString() ?? null,
      stale: this.#stale,
      schedulesHeld: this.#good === null ? null : schedulesHeld(this.#good.config),
      // Of secrets that this text does not name, too.
      diagnostics: this.#options.secrets?.deep(diagnostics) ?? diagnostics,
    };
  }

  /** Called after every change of `current()` or `state()`. Returns how to end that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  #inForce(): Good {
    if (this.#good === null) throw new Error('the configuration was asked for before it was loaded');
    return this.#good;
  }

  async #first(): Promise<void> {
    const { file, stateDirectory, log } = this.#options;
    const found = this.#load();
    const usable = isGood(found) && found.revision !== null;
    if (usable && errors(found).length === 0) return this.#take(found, found.text);
    const kept = readLastGood(stateDirectory, file);
    const last = kept === null || kept === placeholder ? null : this.#load(kept);
    // What an agent that ran has refused is not taken either because it was started anew.
    if (last !== null && isGood(last) && (!usable || refusesMore(found, last))) {
      this.#copied = true;
      this.#adopt(last);
      this.#refuse(found);
      return;
    }
    if (usable) return this.#take(found, found.text);
    log.warn({ file, diagnostics: found.diagnostics }, 'there is no usable configuration: no task is scheduled');
    if (isGood(found)) {
      this.#adopt(found);
      return;
    }
    const empty = this.#load(placeholder);
    if (isGood(empty)) await this.#take({ ...empty, revision: null }, empty.text);
    this.#stale = true;
    this.#diagnostics = found.diagnostics;
  }

  async #again(): Promise<void> {
    const found = this.#load();
    if (isGood(found) && found.revision !== null && !(this.#good !== null && refusesMore(found, this.#good))) {
      await this.#take(found, found.text);
    } else this.#refuse(found);
    this.#tell();
  }

  #load(text?: string): LoadResult {
    const { file, env, procedures, secrets } = this.#options;
    const loaded = loadConfig({ file, env, procedures, missing: 'empty', ...(text === undefined ? {} : { text }) });
    secrets?.learn(loaded.secrets);
    return loaded;
  }

  async #take(good: Good, text: string | null): Promise<void> {
    const { file, stateDirectory, log } = this.#options;
    try {
      await saveLastGood(stateDirectory, file, text ?? '');
      this.#copied = true;
      this.#adopt(good);
    } catch (error) {
      // The old copy is still whole, but it is not this text.
      this.#copied = false;
      const message = `no copy of the configuration could be kept in ${stateDirectory}: ${reasonOf(error)}`;
      log.error({ file, error }, message);
      this.#adopt({ ...good, diagnostics: [...good.diagnostics, note('warning', 'not-kept', message)] });
    }
    log.info({ file, revision: good.revision, refused: good.refused.length }, 'the configuration is loaded');
  }

  #adopt(good: LoadResult): void {
    if (!isGood(good)) return;
    this.#good = good;
    this.#loadedAt = this.#options.now?.() ?? new Date();
    this.#diagnostics = good.diagnostics;
    this.#stale = false;
  }

  #refuse(found: LoadResult): void {
    const { file, log } = this.#options;
    this.#stale = true;
    this.#diagnostics = found.diagnostics;
    log.warn(
      { file, diagnostics: found.diagnostics },
      'the configuration is refused: the last good one stays in force',
    );
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    const next = this.#work.then(work);
    this.#work = next.catch(() => undefined);
    return next;
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** In force, and kept, where nothing can be: all defaults, and each of them in the place of a mistake, for whoever must not go by one. */
const placeholder = `maintenance: { ${sectionNames
  .filter((name) => name !== 'host_name' && name !== 'timezone')
  .map((name) => `${name}: false`)
  .join(', ')} }\n`;

function isGood(result: LoadResult): result is Good {
  return result.config !== null;
}

/** Whether a text has an error that the one in force had not: a task that was refused all along stops no other edit. */
function refusesMore(found: LoadResult, inForce: LoadResult): boolean {
  if (inForce.revision === null) return false;
  const known = new Set(errors(inForce).map(identity));
  return errors(found).some((error) => !known.has(identity(error)));
}

function errors(result: LoadResult): Diagnostic[] {
  return result.diagnostics.filter((entry) => entry.severity === 'error');
}

function identity({ code, task, message }: Diagnostic): string {
  return JSON.stringify([code, task, message]);
}

function note(severity: Diagnostic['severity'], code: string, message: string): Diagnostic {
  return { line: 1, column: 1, severity, code, task: null, message };
}
