/** What others could make of a rotation that runs as root: folders that they can swap, and logrotate's state file. */
import { accessSync, closeSync, constants, openSync } from 'node:fs';
import { lstat, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { findAccount } from '../../getent.ts';
import { codeOf } from '../../thrown.ts';
import type { ProcedureContext } from '../define.ts';
import { trustedAs } from './folderTrust.ts';
import type { LogRotation } from './logrotateConfig.ts';
import type { LogrotateReport } from './logrotateOutput.ts';

type Report = Pick<ProcedureContext, 'finding'>;

/** False, after a finding, when somebody else can put other files into a folder that Upkeep works with. */
export async function isOurs(folder: string, what: string, { finding }: Report): Promise<boolean> {
  // Whoever is not root has nothing to give away but what is theirs.
  if (process.geteuid?.() !== 0) return true;
  const trust = await trustedAs(folder).catch(() => null);
  if (trust === null) return true;
  const who = trust === 'untrusted' ? 'others than you' : `the user with the id ${trust.uid}`;
  finding({
    level: 'critical',
    code: 'logs.unsafe',
    subject: folder,
    message: `${who} can change ${folder}, where Upkeep keeps ${what}; no log was rotated. Make it and the folders above it yours alone, or set UPKEEP_STATE to one that is.`,
  });
  return false;
}

/** False, after a finding, for a state file that would lead elsewhere. One that all can read, all can lock (CVE-2022-1348). */
export async function isSafeState(file: string, context: Report): Promise<boolean> {
  if (!(await isOurs(path.dirname(file), "logrotate's state file", context))) return false;
  const stats = await lstat(file).catch(() => null);
  if (stats === null) return true;
  const tell = (level: 'warning' | 'critical', message: string): void => {
    context.finding({ level, code: 'logs.state', subject: file, message });
  };
  if (!stats.isFile() || stats.nlink !== 1) {
    tell(
      'critical',
      `${file} is not a regular file with one name; no log was rotated. Remove it: logrotate makes a new one.`,
    );
    return false;
  }
  if ((stats.mode & 0o004) !== 0) {
    tell(
      'warning',
      `${file} can be read, and so locked, by everybody, for which logrotate does without its lock; run \`chmod 640 ${file}\`.`,
    );
  }
  return true;
}

/**
 * False, after a finding, where this user may not read or keep the state: logrotate would take all logs for new, or end. It writes a new
 * file beside the old one and renames it.
 */
export async function isOpenState(
  file: string,
  { dryRun, finding }: Report & { readonly dryRun: boolean },
): Promise<boolean> {
  const denied = deniedAt(file, dryRun);
  if (denied === null) return true;
  const owner = (await stat(denied.place).catch(() => null))?.uid ?? 0;
  const names = await Promise.all([process.geteuid?.() ?? 0, owner].map(nameOf));
  const [user = '', whose = ''] = names;
  finding({
    level: 'critical',
    code: 'logs.access',
    subject: file,
    message: `The user ${user} may not ${denied.what} ${denied.place} (${denied.code}), and logrotate keeps in ${file} when each log was rotated; no log was rotated. Run this as ${whose === user ? 'root' : whose}, or name a file in a folder of this user in \`logs.state\`.`,
  });
  return false;
}

interface Denied {
  readonly what: 'read' | 'write to';
  readonly place: string;
  readonly code: string;
}

function deniedAt(file: string, dryRun: boolean): Denied | null {
  const reading = failureOf(() => {
    closeSync(openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK));
  });
  if (isDenial(reading)) return { what: 'read', place: file, code: reading };
  if (dryRun) return null;
  const folder = path.dirname(file);
  const writing = failureOf(() => {
    accessSync(folder, constants.W_OK | constants.X_OK);
  });
  return isDenial(writing) ? { what: 'write to', place: folder, code: writing } : null;
}

function isDenial(code: string): boolean {
  return ['EACCES', 'EPERM', 'EROFS'].includes(code);
}

/** Empty where it does not fail. */
function failureOf(work: () => void): string {
  try {
    work();
    return '';
  } catch (error) {
    return codeOf(error);
  }
}

/** The number where nobody knows a name. */
async function nameOf(uid: number): Promise<string> {
  const account = await findAccount('passwd', String(uid)).catch(() => null);
  return account?.[0] ?? String(uid);
}

/**
 * Finds folders of logs that somebody else can replace whole, by owning what lies above them, while logrotate works there as root: a link
 * put in their place makes root create and change files elsewhere ("logrotten"). An owner of the folder alone can not: names in it
 * are opened without following links, which logrotate looks after. False, after findings, when there are any.
 */
export async function foldersStay(
  report: LogrotateReport,
  named: readonly string[],
  { finding }: Report,
): Promise<boolean> {
  if (process.geteuid?.() !== 0) return true;
  // Those that are named count also while they seem to hold nothing: the one who can swap them decides what is seen when.
  const folders = new Map(named.map((folder) => [folder, folder]));
  for (const { path: log, target, user, decision } of report.logs.values()) {
    if (user !== null || decision !== 'due') continue;
    for (const file of target === null ? [log] : [log, target]) folders.set(path.dirname(file), log);
  }
  let safe = true;
  for (const [folder, log] of folders) {
    const stranger = await whoCanSwap(folder);
    if (stranger === null) continue;
    safe = false;
    const who = stranger === 'untrusted' ? 'several users' : `the user with the id ${stranger.uid}`;
    const su = stranger === 'untrusted' ? 'su: USER GROUP' : `su: ${stranger.uid} ${stranger.gid}`;
    finding({
      level: 'critical',
      code: 'logs.unsafe',
      subject: log,
      message: `${who} can put another folder in the place of ${folder} while logrotate works there as root; nothing was rotated. Set \`${su}\` for it in logs.rotate, or make the folders above it root's.`,
    });
  }
  return safe;
}

async function whoCanSwap(folder: string): Promise<Exclude<Awaited<ReturnType<typeof trustedAs>>, null> | null> {
  for (const place of new Set([folder, await realpath(folder).catch(() => folder)])) {
    const above = path.dirname(place);
    const stats = await lstat(above).catch(() => null);
    // In a folder as /tmp everybody can make folders, yet only their owner can replace them.
    const sticky = stats !== null && (stats.mode & 0o1000) !== 0;
    const trust = await trustedAs(sticky ? place : above).catch((error: unknown) =>
      codeOf(error) === 'ENOENT' ? null : ('untrusted' as const),
    );
    if (trust !== null) return trust;
  }
  return null;
}

/** Folders that `logs.rotate` names, without wildcards, and whose logs are rotated with our own rights. */
export function unguardedFolders(rotations: readonly LogRotation[], baseDirectory: string): readonly string[] {
  const folders = rotations
    .filter(({ su }) => su === undefined)
    .flatMap(({ paths }) => paths.map((pattern) => path.dirname(path.resolve(baseDirectory, pattern))));
  return [...new Set(folders)].filter((folder) => !/[*?[]/.test(folder));
}
