/** Wrong use or invalid input: main prints the message, alone, to stderr and ends with `exitCode`. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly exitCode = 2;
}
