/**
 * A runbook block as a command. The text is run exactly as confirmed, from a file of the run's directory.
 *
 * A seed command such as `./scripts/maintenance/check-certificates.sh` runs the built-in procedure where no such file
 * exists: bash functions may bear such names (bash(1), "Functions"), so the block's own text need not be touched.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { AnyProcedure } from '../procedures/define.ts';
import type { RunDirectory } from './directory.ts';

/** Languages whose blocks are run, and the program that runs them. */
const shells: Readonly<Record<string, string>> = {
  bash: 'bash',
  sh: 'sh',
  shell: 'sh',
  zsh: 'zsh',
  ksh: 'ksh',
};

/** Writes the block into the run's directory and returns the command for it. It stops at the first failing command (`-e`). */
export function blockCommand(
  directory: RunDirectory,
  block: { readonly language: string; readonly text: string },
  given: {
    readonly cwd: string;
    readonly procedures: ReadonlyMap<string, AnyProcedure>;
    readonly self: readonly string[];
  },
): readonly string[] {
  writeFileSync(directory.script, block.text, { mode: 0o600, flag: 'wx' });
  const shell = shells[block.language] ?? 'sh';
  const calls = procedureCalls(block.text, given.cwd, given.procedures);
  if (calls.length === 0 || (shell !== 'bash' && shell !== 'sh') || !existsSync('/bin/bash')) {
    return [shell, '-e', directory.script];
  }
  const functions = calls.map(({ word, procedure }) => `function ${word} { ${quote(given.self)} ${procedure} "$@"; }`);
  const prologue = join(directory.path, 'prologue.sh');
  writeFileSync(prologue, `${functions.join('\n')}\nset -e\n. "$1"\n`, { mode: 0o600, flag: 'wx' });
  return ['bash', prologue, directory.script];
}

/** Words of the text that name a built-in procedure as a script (`…/NAME.sh`) of which no file exists on this host. */
function procedureCalls(
  text: string,
  cwd: string,
  procedures: ReadonlyMap<string, AnyProcedure>,
): readonly { readonly word: string; readonly procedure: string }[] {
  const words = new Set([...text.matchAll(/[A-Za-z0-9_./-]+\.sh(?![A-Za-z0-9_./-])/g)].map((match) => match[0]));
  return [...words].flatMap((word) => {
    const name = word.slice(word.lastIndexOf('/') + 1, -'.sh'.length);
    const procedure = procedures.get(name);
    if (procedure === undefined || existsSync(isAbsolute(word) ? word : join(cwd, word))) return [];
    return [{ word, procedure: name }];
  });
}

function quote(words: readonly string[]): string {
  return words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
}
