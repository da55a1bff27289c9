/**
 * Rights of a new log that logrotate made and did not come to give away: it makes the file as its own, for itself alone, and then sets
 * owner and mode. A writer that is told to open such a file would be refused, and so lose what it has to say.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { asUser } from './asUser.ts';
import { rotatedLog } from './owedScripts.ts';
import type { Interrupted } from './owedScripts.ts';
import { unlessSwapped } from './repair.ts';
import type { RepairContext } from './repair.ts';

/** Number of logs that got their rights; each is a finding `logs.repair`. A file that holds something already is its writer's. */
export async function finishRights(
  { journal, said }: Interrupted,
  context: Pick<RepairContext, 'dryRun' | 'finding' | 'users'>,
): Promise<number> {
  let given = 0;
  for (const entry of journal.logs) {
    const rights = said.get(entry.path)?.rights ?? null;
    const [rotated] = rotatedLog(entry, said.get(entry.path));
    if (rights === null || rotated === undefined || rotated.copied) continue;
    const user = said.get(entry.path)?.user ?? (await context.users.of(entry.path));
    if (user === 'untrusted') continue;
    const changed = await unlessSwapped(user, entry.path, context.finding, () =>
      asUser(user, () => give(entry.path, rights, context.dryRun)),
    );
    if (changed === 0) continue;
    if (!context.dryRun) given += 1;
    const mode = rights.mode.toString(8).padStart(4, '0');
    const whose = `its mode ${mode} and its owner ${rights.uid}:${rights.gid}`;
    context.finding({
      level: 'info',
      code: 'logs.repair',
      subject: entry.path,
      message: `${entry.path} ${context.dryRun ? 'would be given' : 'has'} ${whose}, which an interrupted rotation had not come to.`,
    });
  }
  return given;
}

async function give(
  file: string,
  { mode, uid, gid }: { readonly mode: number; readonly uid: number; readonly gid: number },
  dryRun: boolean,
): Promise<number> {
  await using handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const stats = await handle.stat();
  if (!stats.isFile() || stats.nlink !== 1 || stats.size > 0) return 0;
  // As somebody else (`su`) logrotate leaves the owner as it is.
  const isToGive = process.geteuid?.() === 0 && (stats.uid !== uid || stats.gid !== gid);
  if (!isToGive && (stats.mode & 0o7777) === mode) return 0;
  if (dryRun) return 1;
  if (isToGive) await handle.chown(uid, gid);
  await handle.chmod(mode);
  return 1;
}
