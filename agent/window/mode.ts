/** Maintenance mode of the site: the flag file of the seed's nginx configuration. Set and cleared atomically, then looked at. */
import { mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { messageOf } from '../thrown.ts';

export interface ModeResult {
  /** What is there now, by a look at the file. */
  readonly on: boolean;
  readonly problem: string | null;
}

/** Puts the flag file in place; its text says why, for whoever finds it. World-readable: the web server's user must see it. */
export function enableMode(flagFile: string, text: string): ModeResult {
  try {
    // One level only: a whole missing path is a mistake in the configuration rather than a folder to make.
    if (!isOn(dirname(flagFile))) mkdirSync(dirname(flagFile));
    const temporary = `${flagFile}.${process.pid}.new`;
    writeFileSync(temporary, `${text}\n`, { mode: 0o644, flag: 'wx', flush: true });
    renameSync(temporary, flagFile);
    return look(flagFile, true);
  } catch (error) {
    return { on: isOn(flagFile), problem: `maintenance mode could not be switched on: ${messageOf(error)}` };
  }
}

export function disableMode(flagFile: string): ModeResult {
  try {
    rmSync(flagFile, { force: true });
    return look(flagFile, false);
  } catch (error) {
    return {
      on: isOn(flagFile),
      problem: `maintenance mode could not be switched off: ${messageOf(error)}; remove ${flagFile} by hand`,
    };
  }
}

function isOn(flagFile: string): boolean {
  return statSync(flagFile, { throwIfNoEntry: false }) !== undefined;
}

function look(flagFile: string, wanted: boolean): ModeResult {
  const on = isOn(flagFile);
  return { on, problem: on === wanted ? null : `${flagFile} is ${on ? 'still there' : 'not there'}` };
}
