import type { ErrorName } from '../protocol/errors.ts';

/** An expected failure of a request; the peer gets the code of `errorName` and the message as it stands. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly errorName: ErrorName;

  constructor(errorName: ErrorName, message: string) {
    super(message);
    this.errorName = errorName;
  }
}
