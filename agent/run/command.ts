/** How children of the agent are called, and what they find in their environment. */
import { realpathSync } from 'node:fs';
import { delimiter, isAbsolute } from 'node:path';
import type { Windows } from '../window/windows.ts';
import type { ConfigKeeper } from '../config/keeper.ts';
import { optionsVariable } from '../procedures/options.ts';
import { procedureCommand } from './taskRequest.ts';

/** argv that starts this very Upkeep again, with these flags of Node. Under VS Code's Electron the binary must be told to be Node. */
export function selfCommand(flags: readonly string[] = []): readonly string[] {
  const self = [process.execPath, ...flags, ...sourceFlags(), realpathSync(process.argv[1] ?? '')];
  const underElectron = process.versions['electron'] !== undefined || ranAsNode;
  return underElectron ? ['/usr/bin/env', 'ELECTRON_RUN_AS_NODE=1', ...self] : self;
}

/** Flags of Node for an agent that stays: V8 would let its youngest generation grow to 48 MB, which an agent never fills. */
export const serviceFlags: readonly string[] = ['--max-semi-space-size=1'];

/**
 * Environment of an agent that stays (mallopt(3)): V8's compilers take memory in pieces of 32 KB, from a heap for each thread, which glibc
 * keeps (10 MB after 1,000 jobs). As maps of their own they go back to the system at once; other C libraries do not know the name.
 */
export const serviceEnvironment: Readonly<Record<string, string>> = { MALLOC_MMAP_THRESHOLD_: '32768' };

const ranAsNode = process.env['ELECTRON_RUN_AS_NODE'] !== undefined;

function sourceFlags(): readonly string[] {
  return process.execArgv.filter((flag) => flag === '--experimental-strip-types');
}

/** A check of the host, as a child that runs a procedure. */
export function checkCommand(
  self: readonly string[],
  check: { readonly procedure: string; readonly options?: Readonly<Record<string, unknown>> | undefined },
): { readonly words: readonly string[]; readonly environment: Readonly<Record<string, string>> } {
  const { words, options } = procedureCommand(check.procedure, check.options ?? {}, false);
  return { words: [...self, ...words], environment: { [optionsVariable]: JSON.stringify(options) } };
}

/** Names that children may see. Everything else of the agent's environment (LD_PRELOAD, NODE_OPTIONS, BASH_ENV …) stays behind. */
const passed = new Set([
  'HOME',
  'USER',
  'LOGNAME',
  'SHELL',
  'LANG',
  'LANGUAGE',
  'TZ',
  'TMPDIR',
  'XDG_RUNTIME_DIR',
  'DATABASE_URL',
  'DOCKER_HOST',
  'CREDENTIALS_DIRECTORY',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'NODE_EXTRA_CA_CERTS',
]);
const passedPrefixes = ['LC_', 'PG'];
const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The clean environment of children: the listed names, those that the configuration refers to, and an absolute PATH. */
export function childEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  configured: ReadonlySet<string>,
): Record<string, string | undefined> {
  const kept = Object.entries(environment).filter(
    ([name]) => passed.has(name) || configured.has(name) || passedPrefixes.some((prefix) => name.startsWith(prefix)),
  );
  const path = (environment['PATH'] ?? '').split(delimiter).filter((entry) => isAbsolute(entry));
  return { ...Object.fromEntries(kept), PATH: path.length === 0 ? defaultPath : path.join(delimiter) };
}

/** What the agent's children find: the clean environment, the window that is open, and where the configuration in force lies. */
export function agentEnvironment(
  given: {
    readonly environment: Readonly<Record<string, string | undefined>>;
    readonly stateDirectory: string;
  },
  keeper: Pick<ConfigKeeper, 'text' | 'currentFile' | 'current'>,
  windows: Pick<Windows, 'environment'>,
): Readonly<Record<string, string | undefined>> {
  return {
    ...childEnvironment(given.environment, variablesOf(keeper.text())),
    ...windows.environment(),
    UPKEEP_CONFIG: keeper.currentFile(),
    UPKEEP_CONFIG_BASE: keeper.current().baseDirectory,
    UPKEEP_STATE: given.stateDirectory,
  };
}

/** Names of the variables that a configuration text refers to as `${NAME}`. */
export function variablesOf(text: string): ReadonlySet<string> {
  return new Set([...text.matchAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)/g)].map((match) => match[1] ?? ''));
}
