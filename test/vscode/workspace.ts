import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A copy of test/vscode/workspace/ that tests may change; `remove` takes it away again. */
export function copyWorkspace(): { readonly folder: string; readonly remove: () => void } {
  const parent = mkdtempSync(join(tmpdir(), 'upkeep-vscode-'));
  const folder = join(parent, 'workspace');
  cpSync(join(import.meta.dirname, 'workspace'), folder, { recursive: true });
  return {
    folder,
    remove: () => {
      rmSync(parent, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
