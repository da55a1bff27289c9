/**
 * A rotation killed between the rename of a log and the making of the new one: the log has no name, its writer goes on in `app.log.1`,
 * and no pattern finds it any more, so it would never be rotated again nor its writer be told. The log gets its name back.
 */
import { link, lstat, unlink } from 'node:fs/promises';
import { asUser } from './asUser.ts';
import { describe } from './generations.ts';
import type { Journal, JournalEntry } from './journal.ts';
import { unlessSwapped } from './repair.ts';
import type { RepairContext } from './repair.ts';
import { inodeKey } from './writers.ts';

/** Number of logs that have their name again; each is a finding `logs.repair`. */
export async function undoHalfRenames(
  journal: Journal | null,
  context: Pick<RepairContext, 'dryRun' | 'finding' | 'users'>,
): Promise<number> {
  let undone = 0;
  for (const entry of journal?.logs ?? []) {
    const { path, target } = entry;
    if (target === null || path === target || describe(target)?.key !== entry.key) continue;
    const names = await namesOf(entry, path);
    if (names === 'other') continue;
    const user = await context.users.of(target);
    if (user === 'untrusted') continue;
    const renamed = await unlessSwapped(user, path, context.finding, async () => {
      if (context.dryRun) return 1;
      return await asUser(user, async () => {
        // Unlike rename(2), link(2) replaces nothing: its writer may have made a new one in this moment.
        if (names === 'gone') await link(target, path);
        await unlink(target);
        return 1;
      });
    });
    if (renamed === 0) continue;
    undone += 1;
    const did = context.dryRun ? `would be given back its name ${path}` : `has its name ${path} again`;
    context.finding({
      level: 'info',
      code: 'logs.repair',
      subject: path,
      message: `${target} ${did}, which an interrupted rotation had taken from it.`,
    });
  }
  return context.dryRun ? 0 : undone;
}

/** `gone`: the log has only its new name. `both`: an earlier try was killed before it took that away. */
async function namesOf(entry: JournalEntry, path: string): Promise<'gone' | 'both' | 'other'> {
  const stats = await lstat(path, { bigint: true }).catch(() => null);
  if (stats === null) return 'gone';
  return inodeKey(stats) === entry.key && stats.nlink === 2n ? 'both' : 'other';
}
