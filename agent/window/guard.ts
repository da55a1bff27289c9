/**
 * Takes maintenance mode off at the end of a window when no agent is left to do it: a small detached shell that reads the end
 * from the guard file and removes the flag file once it has passed. The agent removes the guard file when it closes the window.
 */
import { spawn } from 'node:child_process';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** How long after the end the guard leaves the agent time to close the window itself. */
const graceSeconds = 5;

const script = `while [ -f "$1" ]; do
  { read -r end; IFS= read -r flag; } < "$1" || exit 0
  if [ "$(date +%s)" -ge "$end" ]; then
    [ -f "$1" ] && rm -f -- "$flag" && rm -f -- "$1"
    exit 0
  fi
  sleep 1
done`;

export class ModeGuard {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Starts the guard of a window, or tells the one that is there of a new end (milliseconds since the epoch). */
  arm(windowId: string, flagFile: string, end: number, isNew: boolean): void {
    if (flagFile.includes('\n')) return;
    const file = this.#file(windowId);
    writeFileSync(`${file}.new`, `${Math.ceil(end / 1000) + graceSeconds}\n${flagFile}\n`, { mode: 0o600 });
    renameSync(`${file}.new`, file);
    if (!isNew) return;
    const child = spawn('/bin/sh', ['-c', script, 'upkeep-mode-guard', file], {
      detached: true,
      stdio: 'ignore',
      cwd: '/',
      env: { PATH: '/usr/bin:/bin' },
    });
    child.on('error', () => undefined);
    child.unref();
  }

  disarm(windowId: string): void {
    rmSync(this.#file(windowId), { force: true });
  }

  #file(windowId: string): string {
    return join(this.#directory, `${windowId}.guard`);
  }
}
