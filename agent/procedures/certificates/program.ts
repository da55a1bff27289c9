/** Programs that the configuration names: run without a shell, and only when nobody but root and the agent's user could change them. */
import { isAbsolute } from 'node:path';
import { checkScript } from '../../run/ownership.ts';
import { codeOf, messageOf } from '../../thrown.ts';
import { findTool, runTool } from '../tool.ts';
import { plain } from './names.ts';

export interface Program {
  readonly binary: string;
  readonly args: readonly string[];
  /** As people write it. */
  readonly shown: string;
}

export interface ProgramWorld {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/** `message` is the end of a sentence. */
export class ProgramError extends Error {
  override readonly name = 'ProgramError';
}

/** Where Debian's package of a program has another name. */
const packages: Readonly<Record<string, string>> = {
  apachectl: 'apache2',
  apache2ctl: 'apache2',
  systemctl: 'systemd',
};

/** Throws ProgramError when it is not there, or when somebody else could change it. */
export async function findProgram(words: readonly string[], env: ProgramWorld['env']): Promise<Program> {
  const [name = '', ...args] = words;
  const binary = isAbsolute(name) ? name : await findTool(name, env);
  if (binary === null) {
    const wanted = packages[name] ?? name;
    throw new ProgramError(
      `${plain(name)} is not installed; install its package (apt-get install ${plain(wanted)}), or name another program`,
    );
  }
  checkProgram(binary);
  return { binary, args, shown: plain(words.join(' ')) };
}

/** Throws ProgramError when others than root and the agent's user could change what is run. */
export function checkProgram(file: string): void {
  try {
    checkScript(file);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') {
      throw new ProgramError(`there is no program ${plain(file)}; put it there, or name another one`, { cause: error });
    }
    throw new ProgramError(plain(messageOf(error)), { cause: error });
  }
}

export interface ProgramEnd {
  /** Null = exit code 0; else the end of a sentence, with what it said last. */
  readonly problem: string | null;
  readonly lines: readonly string[];
}

/** Runs it to its end, `timeout` ms at most. Throws only the reason of `world.signal`. */
export async function runProgram(
  program: Program,
  timeout: number,
  world: ProgramWorld,
  further: { readonly args?: readonly string[]; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<ProgramEnd> {
  const { binary, args, shown } = program;
  const deadline = AbortSignal.timeout(timeout);
  try {
    const { lines, exitCode, killedBy } = await runTool({
      binary,
      args: [...args, ...(further.args ?? [])],
      env: { ...world.env, ...further.env },
      signal: AbortSignal.any([world.signal, deadline]),
    });
    if (exitCode === 0) return { problem: null, lines };
    const end = exitCode === null ? `was ended by ${killedBy ?? 'a signal'}` : `ended with ${exitCode}`;
    return { problem: `“${shown}” ${end}${lastWords(lines)}`, lines };
  } catch (error) {
    world.signal.throwIfAborted();
    if (deadline.aborted) return { problem: `“${shown}” did not end within ${timeout / 1000} s`, lines: [] };
    const message = messageOf(error);
    return { problem: `“${shown}” could not be run: ${plain(message)}`, lines: [] };
  }
}

const mostWords = 500;

/** The last three lines that say something: haproxy, for one, sums up in two what it said before. */
function lastWords(lines: readonly string[]): string {
  const said = lines.filter((line) => line.trim() !== '').slice(-3);
  return said.length === 0 ? '' : `: ${plain(said.join(' / ')).slice(0, mostWords).replace(/\.+$/, '')}`;
}
