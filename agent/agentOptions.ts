/** What an agent is made of, and how it says that it was stopped too early. */
import type { Logger } from 'pino';
import type { AnyProcedure } from './procedures/define.ts';
import type { Clock } from './schedule/clock.ts';
import type { Secrets } from './secrets/secrets.ts';
import type { ListenAddress } from './server/listenAddress.ts';

export interface AgentOptions {
  /** Null = the agent runs without tasks until there is one. */
  readonly configFile: string;
  readonly stateDirectory: string;
  /** Undefined = what the configuration says; null = no TCP port. */
  readonly listen: ListenAddress | null | undefined;
  readonly socketPath: string | null;
  readonly procedures: ReadonlyMap<string, AnyProcedure>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Shared with whoever writes down or prints; the agent adds what it learns. */
  readonly secrets: Secrets;
}

/** `start` was broken off by `stop`. */
export class AgentStoppedError extends Error {
  override readonly name = 'AgentStoppedError';
}
