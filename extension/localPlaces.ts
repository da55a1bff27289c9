/** Where the local agent of a workspace keeps its state, and its socket. */
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Bytes that a socket's path may have (unix(7) on Linux: 107; macOS: 103). */
const longestPath = 103;

export interface LocalPlaces {
  readonly stateDirectory: string;
  readonly socketPath: string;
}

/** `workspace`: what tells this workspace from others; `storage`: folder that VS Code gives to the extension. */
export function localPlaces(storage: string, workspace: string): LocalPlaces {
  const name = shortHash(workspace);
  const stateDirectory = join(storage, 'local', name);
  const folder = `upkeep-${process.getuid?.() ?? 0}`;
  const file = `${shortHash(stateDirectory)}.sock`;
  const wanted = join(tmpdir(), folder, file);
  const fits = Buffer.byteLength(wanted) <= longestPath && !wanted.includes(':') && !wanted.includes('?');
  return { stateDirectory, socketPath: fits ? wanted : join('/tmp', folder, file) };
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
