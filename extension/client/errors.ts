/** Failures of a request to an agent that people may see. */
import * as z from 'zod';

/** The agent answered with an error; `code` is one of the wire's error codes. */
export class AgentError extends Error {
  readonly code: number;

  constructor(message: string, code: number) {
    super(message);
    this.name = 'AgentError';
    this.code = code;
  }
}

/** There is no connection, or it broke before the answer came: the request may or may not have been carried out. */
export class NotConnectedError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'NotConnectedError';
  }
}

/** The agent's answer is not what the wire promises. */
export class BadAnswerError extends Error {
  constructor(method: string, cause: z.ZodError) {
    super(`the agent's answer to ${method} does not fit the protocol: ${z.prettifyError(cause)}`, { cause });
    this.name = 'BadAnswerError';
  }
}

/** One sentence out of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.message === '')
    return thrown.errors.map((error: unknown) => messageOf(error)).join('; ');
  return thrown instanceof Error ? thrown.message : String(thrown);
}

export function isAbort(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === 'AbortError';
}
