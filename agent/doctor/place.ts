/** What the doctor looks at, and the shape of what it finds. */
import type { Config } from '../config/schema.ts';
import type { Finding } from '../protocol/nouns.ts';

export interface Place {
  readonly configFile: string;
  readonly stateDirectory: string;
  readonly socket: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Null when there is none that can be used. */
  readonly config: Config | null;
  /** Pid of the agent that has the state folder; null = none. */
  readonly holder: number | null;
}

/** One look at one part of an installation. Never throws for what is wrong there. */
export type Look = (place: Place) => readonly Finding[] | Promise<readonly Finding[]>;

/** `doctor.<code>`; the message says what is and, unless all is well, what to do. */
export function found(level: Finding['level'], code: string, subject: string, message: string): Finding {
  return { level, code: `doctor.${code}`, subject, message };
}
