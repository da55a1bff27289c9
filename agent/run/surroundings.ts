/** What a command is started with: its words, folder, environment, user and rank, checked at the last moment before the start. */
import { chownSync, existsSync, statSync } from 'node:fs';
import type { Launch, RunDirectory } from './directory.ts';
import { optionsVariable } from '../procedures/options.ts';
import type { Seal } from '../secrets/seal.ts';
import { asUserPrefix, findUser, type OsUser } from './osUser.ts';
import { checkScript } from './ownership.ts';
import type { RunSettings } from './settings.ts';

export interface Surroundings {
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Words before a command that make it run as the task's user. */
  readonly prefix: readonly string[];
  /** True = the child can not reach its results file by name; it gets it as descriptor 3. */
  readonly resultsByDescriptor: boolean;
}

export interface SurroundingsParts {
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** argv that starts this very Upkeep. */
  readonly self: readonly string[];
  readonly seal: Seal;
}

/** What a child of another user may keep of the agent's environment: the agent's folders and passwords are not its own. */
const harmless = /^(?:PATH|LANG|LANGUAGE|TZ|LC_.*|UPKEEP_WINDOW(?:_ENDS)?)$/;

/** Throws with one sentence when the command may or can not be started so. */
export async function surroundingsOf(
  launch: Launch,
  directory: RunDirectory,
  parts: SurroundingsParts,
  taskEnvironment: Readonly<Record<string, string>>,
): Promise<Surroundings> {
  const { settings } = launch;
  const cwd = settings.cwd ?? parts.cwd;
  if (!isFolder(cwd)) throw new Error(`its folder ${cwd} is not there: create it, or correct \`cwd\``);
  if (launch.script !== null) checkApproved(launch, checkScript(launch.script));
  const user = settings.user === null ? null : await findUser(settings.user);
  const prefix = user === null ? [] : asUserPrefix(user);
  // The results file is in a folder of root's own, so another user gets it opened; its name stays the agent's.
  if (user !== null) chownSync(directory.results, user.uid, user.gid);
  const command = parts.seal.open(launch.command);
  const words = launch.self ? [...parts.self, ...command] : command;
  return {
    command: [...rankPrefix(settings), ...prefix, ...words],
    cwd,
    env: {
      ...(user === null ? parts.environment : environmentOf(user, parts.environment)),
      ...taskEnvironment,
      ...launch.variables,
      ...optionsFor(launch, parts.seal),
    },
    prefix,
    resultsByDescriptor: user !== null,
  };
}

function optionsFor({ options }: Launch, seal: Seal): Readonly<Record<string, string>> {
  return options === null ? {} : { [optionsVariable]: JSON.stringify(seal.open(options)) };
}

function environmentOf(
  user: OsUser,
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  const kept = Object.entries(environment).filter(([name]) => harmless.test(name));
  const { name, home, shell } = user;
  return { ...Object.fromEntries(kept), HOME: home, USER: name, LOGNAME: name, SHELL: shell };
}

/** nice(1) and ionice(1). A negative niceness and the class realtime are root's alone, and must not silently become less. */
function rankPrefix({ nice, ionice }: RunSettings): readonly string[] {
  const isRoot = process.geteuid?.() === 0;
  if (!isRoot && (nice ?? 0) < 0) throw new Error('only root may set a `nice` below 0: start the agent as root');
  if (!isRoot && ionice?.class === 'realtime') {
    throw new Error('only root may set the `ionice` class realtime: start the agent as root');
  }
  return [...(nice === null ? [] : ['nice', '-n', String(nice)]), ...ionicePrefix(ionice)];
}

function ionicePrefix(ionice: RunSettings['ionice']): readonly string[] {
  if (ionice === null) return [];
  const program = ['/usr/bin/ionice', '/bin/ionice'].find((place) => existsSync(place));
  if (program === undefined) {
    throw new Error('it wants `ionice`, which is not installed: install util-linux, or leave it out');
  }
  const numbers = { realtime: '1', 'best-effort': '2', idle: '3' } as const;
  const level = ionice.class === 'idle' || ionice.level === null ? [] : ['-n', String(ionice.level)];
  return [program, '-c', numbers[ionice.class], ...level];
}

function checkApproved(launch: Launch, sha256: string): void {
  if (launch.scriptSha256 === null || launch.scriptSha256 === sha256) return;
  throw new Error(`${launch.script ?? 'its script'} was changed after the run was asked for: ask for approval again`);
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
