/** Where the flag file of maintenance mode belongs. A default in the place of a mistake would be where no web server looks. */
import { join } from 'node:path';
import { missingFrom } from '../config/relied.ts';
import type { Config } from '../config/schema.ts';

/** `file` is null when nobody knows; `problem` then says why. */
export type FlagFile =
  { readonly file: string; readonly problem: null } | { readonly file: null; readonly problem: string };

export function flagFileOf(config: Config, stateDirectory: string): FlagFile {
  const problem = modeHeld(config);
  if (problem !== null) return { file: null, problem };
  return { file: config.mode.flag_file ?? join(stateDirectory, 'maintenance.flag'), problem: null };
}

/** For people; null = maintenance mode can be switched on. */
export function modeHeld(config: Config): string | null {
  const places = missingFrom(config, ['mode.flag_file']).map(({ path }) => path);
  if (places.length === 0) return null;
  return `Nobody knows where the flag file of maintenance mode belongs, for a mistake in ${places.join(', ')} of maintenance.yaml: windows do not switch the mode on before it is corrected; upkeep config check says what it is.`;
}
