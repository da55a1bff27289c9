/** Makes the agent's folder, open to its owner alone. */
import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf, messageOf } from '../thrown.ts';

/** Throws one sentence when it can not be had. Level by level: `mkdir -p` of Node never ends below /proc. */
export function makeStateFolder(folder: string): void {
  try {
    for (const level of missingLevels(folder)) mkdirSync(level, { mode: 0o700 });
    if (statSync(folder).isDirectory()) return;
  } catch (error) {
    // Another agent made it in between.
    if (codeOf(error) === 'EEXIST' && isFolder(folder)) return;
    const reason = messageOf(error);
    throw new Error(`The state folder ${folder} can not be made: ${reason}: choose another with --state.`, {
      cause: error,
    });
  }
  throw new Error(`The state folder ${folder} is no folder: choose another with --state.`);
}

/** The outermost first. */
function missingLevels(folder: string): readonly string[] {
  const levels: string[] = [];
  for (let level = folder; statSync(level, { throwIfNoEntry: false }) === undefined; level = dirname(level)) {
    levels.unshift(level);
    if (level === dirname(level)) break;
  }
  return levels;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
