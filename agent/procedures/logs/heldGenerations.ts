/**
 * Generations that logrotate would compress next (delaycompress) while a process still writes to them: gzip reads to the end of that
 * moment and logrotate removes the file, so all lines that follow are lost without a word.
 */
import path from 'node:path';
import { asUser } from './asUser.ts';
import { describe, generationsOf } from './generations.ts';
import type { FolderNames, Generation } from './generations.ts';
import type { LogReport, LogrotateReport } from './logrotateOutput.ts';
import { setAside, unlessSwapped } from './repair.ts';
import type { RepairContext } from './repair.ts';
import { describeWriters, findWriters } from './writers.ts';

/**
 * Sets those of the logs aside that are due now, and gives their number; each is a finding `logs.repair`. `due`: asks logrotate, which is done only
 * where there is something to set aside.
 */
export async function keepHeld(
  forced: LogrotateReport,
  folders: FolderNames,
  context: RepairContext,
  due: () => Promise<LogrotateReport['logs']>,
): Promise<number> {
  const next = new Map<Generation, LogReport>();
  for (const log of forced.logs.values()) {
    if (log.compression !== 'delayed' || log.copies) continue;
    for (const generation of await plainOnes(log, folders)) next.set(generation, log);
  }
  const { writers } = await findWriters(new Set([...next.keys()].map(({ key }) => key)));
  if (writers.size === 0) return 0;
  const dueLogs = await due();
  let kept = 0;
  for (const [generation, log] of next) {
    const holders = writers.get(generation.key);
    if (holders === undefined || !dueLogs.has(log.path)) continue;
    const user = log.user ?? (await context.users.of(generation.path));
    if (user === 'untrusted') continue;
    const why = `logrotate would compress it while ${describeWriters(holders)} still writes to it`;
    kept += await unlessSwapped(user, log.path, context.finding, () =>
      asUser(user, () => setAside(generation, why, context)),
    );
  }
  return kept;
}

/** What logrotate would compress. One that is numbered is known by its name, without a look at all of them. */
async function plainOnes(log: LogReport, folders: FolderNames): Promise<readonly Generation[]> {
  const { target, start } = log;
  if (target !== null && path.basename(target) === `${path.basename(log.path)}.${start}`) {
    const previous = describe(target, start);
    return previous === null ? [] : [previous];
  }
  const generations = await generationsOf(log, folders);
  return generations
    .filter((one) => one.ending === null && (one.index === null ? one.path !== log.path : one.index === start))
    .flatMap((one) => describe(one.path, one.index) ?? []); // The names are from before repairs.
}

/** Files that were set aside of a log: they are no generations, yet their writers are to be told of. */
export async function setAsideOf({ target }: LogReport, folders: FolderNames): Promise<readonly Generation[]> {
  if (target === null) return [];
  const folder = path.dirname(target);
  const names = await folders.startingWith(folder, `${path.basename(target)}-`);
  return names
    .filter((name) => /-\d{10}\.backup$/.test(name))
    .flatMap((name) => describe(path.join(folder, name)) ?? []);
}
