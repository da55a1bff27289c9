/** The program itself: Node, and the tools that procedures of the configuration call. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Config } from '../config/schema.ts';
import type { Finding } from '../protocol/nouns.ts';
import { found, type Look, type Place } from './place.ts';

const oldestNode = [22, 13] as const;

export const lookAtNode: Look = () => {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const enough = major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1]);
  const version = `Node ${process.versions.node}`;
  return [
    enough
      ? found('ok', 'node', process.execPath, version)
      : found('critical', 'node', process.execPath, `${version} is too old: install ${oldestNode.join('.')} or newer`),
  ];
};

interface Tool {
  readonly name: string;
  /** Why this host needs it; null = nothing of the configuration does. */
  readonly needed: (config: Config) => string | null;
}

const uses = (config: Config, procedure: string): boolean =>
  config.tasks.some(({ action }) => action.kind === 'procedure' && action.procedure === procedure) ||
  (config.checks ?? []).some((check) => check.procedure === procedure);

const tools: readonly Tool[] = [
  { name: 'logrotate', needed: (config) => (uses(config, 'rotate-logs') ? 'rotate-logs drives it' : null) },
  { name: 'certbot', needed: (config) => (scriptsSay(config, 'certbot') ? 'a task names it' : null) },
  { name: 'psql', needed: (config) => (scriptsSay(config, 'psql') ? 'a task names it' : null) },
  {
    name: 'docker',
    needed: (config) =>
      config.health.services.some(({ container }) => container !== undefined)
        ? 'health.services names containers'
        : null,
  },
  { name: 'fallocate', needed: () => 'long outputs are cut with it' },
];

export const lookAtTools: Look = (place) => tools.flatMap((tool) => lookAtTool(tool, place));

function lookAtTool({ name, needed }: Tool, { config, environment }: Place): readonly Finding[] {
  const path = findProgram(name, environment);
  const why = config === null ? null : needed(config);
  if (path !== null) return [found('ok', 'tool', name, path)];
  if (why === null) return [found('info', 'tool', name, 'not installed, and nothing of this configuration needs it')];
  return [found('warning', 'tool', name, `not found on PATH, but ${why}: install it`)];
}

/** Absolute path of a program; relative entries of PATH are left out. */
export function findProgram(name: string, environment: Place['environment']): string | null {
  const folders = (environment['PATH'] ?? '').split(delimiter).filter((folder) => folder.startsWith('/'));
  for (const folder of [...folders, '/usr/sbin', '/sbin', '/usr/bin', '/bin']) {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return join(folder, name);
    } catch {
      // Not here.
    }
  }
  return null;
}

function scriptsSay(config: Config, name: string): boolean {
  return config.tasks.some(
    ({ action }) => action.kind === 'script' && [action.path, ...action.args].join(' ').includes(name),
  );
}
