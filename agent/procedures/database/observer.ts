/** A second connection to the same database, opened when it is first needed: sees how far a statement has come. */
import type { Config } from '../../config/schema.ts';
import { openSession, type DatabaseSession } from './connection.ts';
import type { ConnectionParameters } from './target.ts';

/** Together with the session that works it makes two connections to a database, never more. */
export class Observer {
  readonly #parameters: ConnectionParameters;
  readonly #settings: Config['database'];
  readonly #controller = new AbortController();
  #session: Promise<DatabaseSession> | null = null;

  constructor(parameters: ConnectionParameters, settings: Config['database']) {
    this.#parameters = parameters;
    this.#settings = settings;
  }

  /** The same connection each time; rejects with the driver's error when there is none to be had. */
  open(): Promise<DatabaseSession> {
    return (this.#session ??= openSession(this.#parameters, {
      settings: this.#settings,
      signal: this.#controller.signal,
      readOnly: true,
    }));
  }

  async close(): Promise<void> {
    this.#controller.abort(new Error('closed'));
    const session = await this.#session?.catch(() => null);
    await session?.close();
  }
}
