/** What the code below needs of a log; `vscode.LogOutputChannel` fits. */
export interface Log {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
  debug(message: string): void;
}
