/** From options and configuration to what an archive run works with. */
import path from 'node:path';
import type { Config } from '../../config/schema.ts';
import type { LogArchiveSettings } from '../../config/logs.ts';
import { accountKinds, findAccount, type AccountDirectory } from '../../getent.ts';
import { messageOf } from '../../thrown.ts';
import { FolderProblem } from './archiveFolder.ts';
import type { ArchiveFileSettings } from './archiveWriter.ts';
import type { UserAndGroup } from './asUser.ts';
import { canZstd } from './compression.ts';
import { logsInOlddir } from './logrotateConfig.ts';

export interface ArchiveSettings extends ArchiveFileSettings {
  /** With whose rights logs are taken from folders that others can write to; null: such folders are left alone. */
  readonly su: UserAndGroup | null;
  /** Absolute. */
  readonly destination: string;
  /** Absolute files and globs. */
  readonly paths: readonly string[];
  /** Where `logs.rotate` puts generations of these logs apart from them (olddir), as absolute globs; there may be none yet. */
  readonly apart: readonly string[];
  /** Forms of dates in names of generations, as `dateformat` of `logs.rotate` gives them: `-%d.%H`. */
  readonly dateFormats: readonly string[];
  readonly days: number;
  /** The date in a generation's name counts, not the time of its last write. */
  readonly byName: boolean;
  /** Milliseconds; null = for ever. */
  readonly keep: number | null;
}

/** Throws FolderProblem, with one sentence, when something is missing. */
export async function chooseArchive(
  options: {
    readonly days?: number | undefined;
    readonly destination?: string | undefined;
    readonly byName?: boolean;
  },
  { logs, baseDirectory }: Pick<Config, 'logs' | 'baseDirectory'>,
): Promise<ArchiveSettings> {
  const { archive, rotate = [] } = logs;
  const destination = options.destination ?? archive.destination;
  if (destination === undefined) {
    throw new FolderProblem('No folder for archives is named: give `logs.archive.destination` or --destination.');
  }
  const paths = archive.paths ?? rotate.flatMap((rotation) => rotation.paths);
  const apart = archive.paths === undefined ? rotate.flatMap(logsInOlddir) : [];
  return {
    ...(await fileSettings(archive)),
    su: archive.su === undefined ? null : await lookUp(archive.su, 'su'),
    destination: path.resolve(options.destination === undefined ? baseDirectory : '.', destination),
    paths: paths.map((pattern) => path.resolve(baseDirectory, pattern)),
    apart: apart.map((pattern) => path.resolve(baseDirectory, pattern)),
    dateFormats: rotate.flatMap(({ dateformat }) => dateformat ?? []),
    days: options.days ?? archive.days,
    byName: options.byName ?? false,
    keep: archive.keep ?? null,
  };
}

async function fileSettings(
  given: Pick<LogArchiveSettings, 'compression' | 'mode' | 'owner'>,
): Promise<ArchiveFileSettings> {
  if (given.compression === 'zstd' && !canZstd()) {
    throw new FolderProblem(
      `This Node (${process.version}) has no zstd: run Upkeep with Node 22.15 or newer, or set \`compression: gzip\`.`,
    );
  }
  const mode = Number.parseInt(given.mode, 8);
  if ((mode & 0o022) !== 0)
    throw new FolderProblem(`An archive with the mode ${given.mode} could be changed by others.`);
  return {
    compression: given.compression,
    mode,
    owner: given.owner === undefined ? null : await lookUp(given.owner, 'owner'),
  };
}

/** `user group` by the host's own directories. */
async function lookUp(given: string, setting: 'owner' | 'su'): Promise<UserAndGroup> {
  const [user = '', group = ''] = given.split(' ');
  return { uid: await idOf('passwd', user, setting), gid: await idOf('group', group, setting) };
}

async function idOf(directory: AccountDirectory, name: string, setting: string): Promise<number> {
  const account = await findAccount(directory, name).catch((error: unknown) => {
    const reason = messageOf(error);
    throw new FolderProblem(`\`${setting}\` in logs.archive: ${reason}.`);
  });
  const [found, , id] = account ?? [];
  if (found === name && id !== undefined && /^\d+$/.test(id)) return Number(id);
  throw new FolderProblem(
    `There is no ${accountKinds[directory]} ${name} on this host: correct \`${setting}\` in logs.archive.`,
  );
}
