/** Tokens from the store, for the server; another process (`upkeep token revoke`) tells of a change by touching a file. */
import { watch, writeFileSync, type FSWatcher } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../schedule/clock.ts';
import type { Database } from '../store/database.ts';
import { verifyToken } from '../store/tokens.ts';
import type { TokenHolder, TokenVerifier } from './auth.ts';

const changedFile = 'tokens.changed';

/** Tells a running agent that tokens have changed. */
export function announceTokenChange(stateDirectory: string): void {
  writeFileSync(join(stateDirectory, changedFile), `${Date.now()}\n`, { mode: 0o600 });
}

export class StoredTokens implements TokenVerifier {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #directory: string;
  readonly #listeners = new Set<() => void>();
  #watcher: FSWatcher | null = null;

  constructor(database: Database, clock: Clock, stateDirectory: string) {
    this.#database = database;
    this.#clock = clock;
    this.#directory = stateDirectory;
  }

  start(): void {
    this.#watcher = watch(this.#directory, { persistent: false }, (_, name) => {
      if (name === changedFile) for (const listener of this.#listeners) listener();
    });
    this.#watcher.on('error', () => undefined);
  }

  stop(): void {
    this.#watcher?.close();
    this.#watcher = null;
  }

  verify(token: string): TokenHolder | null {
    const holder = verifyToken(this.#database, token, this.#clock.now());
    return holder === null ? null : { name: holder.name, role: holder.role };
  }

  onRevoked(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
