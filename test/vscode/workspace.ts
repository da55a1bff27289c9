import { chmodSync, cpSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A copy of test/vscode/workspace/ that tests may change; `remove` takes it away again. */
export function copyWorkspace(): { readonly folder: string; readonly remove: () => void } {
  const parent = mkdtempSync(join(tmpdir(), 'upkeep-vscode-'));
  const folder = join(parent, 'workspace');
  cpSync(join(import.meta.dirname, 'workspace'), folder, { recursive: true });
  // In a clone made under umask 002 a group may write all of it, and the agent runs no such script.
  for (const name of ['', ...readdirSync(folder, { recursive: true, encoding: 'utf8' })])
    chmodSync(join(folder, name), statSync(join(folder, name)).mode & 0o755);
  return {
    folder,
    remove: () => {
      rmSync(parent, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
