/** How near a server is to the end of its transaction ids. PostgreSQL manual: "Preventing Transaction ID Wraparound Failures". */
import type { Finding } from '../../protocol/nouns.ts';
import { printable } from './names.ts';

/** Age of the oldest unfrozen ids of one database. */
export interface IdAge {
  /** Its name on the server. */
  readonly name: string;
  readonly xid: number;
  readonly mxid: number;
}

/**
 * Share of the 2^31 ids in use by the oldest database of the server that `target` is on; `ok` below 40 %, null without any
 * database.
 */
export function wraparoundFinding(databases: readonly IdAge[], target: string): Finding | null {
  const oldest = databases.reduce<IdAge | null>(
    (old, one) => (old === null || used(one) > used(old) ? one : old),
    null,
  );
  if (oldest === null) return null;
  const kind = oldest.xid >= oldest.mxid ? 'transaction' : 'multixact';
  const percent = Math.round((used(oldest) / 2 ** 31) * 1000) / 10;
  const subject = printable(target);
  const fine = percent < warningPercent;
  const advice = ': run VACUUM (FREEZE) in it, and find what holds autovacuum back, before the server refuses to write';
  return {
    level: fine ? 'ok' : percent >= criticalPercent ? 'critical' : 'warning',
    code: 'database.wraparound',
    subject,
    message: `Database ${printable(oldest.name)} on the server of ${subject} has used ${percent} % of the ${kind} ids${fine ? '' : advice}.`,
    value: percent,
    threshold: warningPercent,
    unit: '%',
  };
}

function used({ xid, mxid }: IdAge): number {
  return Math.max(xid, mxid);
}

const warningPercent = 40;
/** As vacuum_failsafe_age: 1.6 of 2.1 thousand million. */
const criticalPercent = 75;
