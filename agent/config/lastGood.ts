/**
 * The text in force, kept in the state folder: children of the agent read it, and the agent itself when the file has become
 * unusable. Variables are kept as `${NAME}`, so that it holds no more secrets than the file does.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { makeFolders } from '../makeFolders.ts';
import { writeFileAtomic } from '../store/atomicWrite.ts';

export function lastGoodFile(stateDirectory: string): string {
  return path.join(stateDirectory, 'config', 'last-good.yaml');
}

/** The text, and in a comment at its end the file that it is from. */
export async function saveLastGood(stateDirectory: string, source: string, text: string): Promise<void> {
  const file = lastGoodFile(stateDirectory);
  await makeFolders(path.dirname(file), 0o700);
  await writeFileAtomic(file, `${text}${text.endsWith('\n') ? '' : '\n'}${mark(source)}`, 0o600);
}

/** Null when there is none, or it is from another file. */
export function readLastGood(stateDirectory: string, source: string): string | null {
  let text: string;
  try {
    text = fs.readFileSync(lastGoodFile(stateDirectory), 'utf8');
  } catch {
    // None was kept yet, or it is out of reach: the caller then reports that it has no configuration.
    return null;
  }
  return text.endsWith(mark(source)) ? text.slice(0, -mark(source).length) : null;
}

function mark(source: string): string {
  return `# upkeep: last good copy of ${JSON.stringify(source)}\n`;
}
