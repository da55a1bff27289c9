/** Which tables need what: pure rules over the statistics. */
import type { Config } from '../../config/schema.ts';
import type { PartitionParent, Table, TableStatistics } from './tables.ts';

type Settings = Pick<Config['database'], 'dead_tuple_percent' | 'dead_tuple_minimum' | 'stale_statistics_percent'>;

/** Share of dead rows in percent, 0 for an empty table. */
export function deadPercent({ live, dead }: Pick<TableStatistics, 'live' | 'dead'>): number {
  return dead === 0 ? 0 : (100 * dead) / (live + dead);
}

/** Days since the last VACUUM, manual or automatic; Infinity when none is on record. */
function daysSinceVacuum({ lastVacuum }: Pick<TableStatistics, 'lastVacuum'>, now: Date): number {
  return lastVacuum === null ? Infinity : Math.max(0, (now.getTime() - lastVacuum.getTime()) / millisecondsPerDay);
}

/**
 * A table is due from the configured share of dead rows on. One that had no VACUUM for a week is due from half that share
 * on, as autovacuum then passes it by.
 */
export function isVacuumDue(table: TableStatistics, settings: Settings, now: Date): boolean {
  if (table.dead === 0 || table.dead < settings.dead_tuple_minimum) return false;
  const share = daysSinceVacuum(table, now) >= neglectedDays ? 0.5 : 1;
  return deadPercent(table) >= settings.dead_tuple_percent * share;
}

/** Whether VACUUM finds anything to do: dead rows, rows that it has not seen yet, or old ones to freeze. */
export function needsVacuum({ dead, inserted, filled, lastVacuum, unseen, unfrozen }: Table): boolean {
  if (dead > 0 || inserted > 0 || unfrozen >= 1) return true;
  return lastVacuum === null ? filled && unseen > 0 : unseen > unseenShare;
}

/** Tables to vacuum, worst first: share of dead rows, weighed with the days (at most 30) since the last VACUUM. */
export function vacuumDue<T extends Table>(tables: readonly T[], settings: Settings, now: Date): T[] {
  const score = (table: T): number => deadPercent(table) * (1 + Math.min(30, daysSinceVacuum(table, now)));
  return tables
    .filter((table) => isVacuumDue(table, settings, now))
    .sort((a, b) => score(b) - score(a) || b.dead - a.dead);
}

/** Statistics are stale when rows were changed beyond the configured share, or when there are rows and no statistics. */
export function isAnalyzeDue(
  { live, modified, analyzed, filled }: Pick<Table, 'live' | 'modified' | 'analyzed' | 'filled'>,
  settings: Settings,
): boolean {
  if (!analyzed) return filled || live > 0 || modified > 0;
  return modified >= Math.max(leastChanges, (live * settings.stale_statistics_percent) / 100);
}

/** A parent is stale when its leaves are, or when leaves with that share of the rows have newer statistics than it. */
export function isParentAnalyzeDue(parent: PartitionParent, settings: Settings): boolean {
  if (parent.live === 0 && parent.modified === 0) return false;
  return isAnalyzeDue({ ...parent, modified: Math.max(parent.modified, parent.renewed), filled: true }, settings);
}

/** Below it, pages that others looked at or have just written to would make a table due again and again. */
const unseenShare = 0.05;
const millisecondsPerDay = 86_400_000;
const neglectedDays = 7;
/** As autovacuum_analyze_threshold: a handful of changes in a tiny table does not make its statistics stale. */
const leastChanges = 50;
