/** What the server needs of a logger; pino's shape. No field ever holds a token or a header. */
export interface ServerLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
