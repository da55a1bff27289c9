/** Deadlocks, rollbacks and cache hits of a database since the check before. */
import type { Finding } from '../../protocol/nouns.ts';
import { counted, printable } from './names.ts';
import type { DatabaseCounters } from './serverState.ts';

/** Counters as one check leaves them to the next. */
export interface KeptCounters extends DatabaseCounters {
  /** ISO instant of that check. */
  readonly at: string;
}

/** What happened between two checks; `since` null = since the counters were last reset, for there is no check before. */
export interface Activity {
  readonly since: string | null;
  readonly transactions: number;
  readonly rollbacks: number;
  readonly deadlocks: number;
  readonly blocks: number;
  /** Null when no block was asked for. */
  readonly cacheHitPercent: number | null;
}

/** A check before counts only for the same database, with counters that were neither reset nor lost in a crash since. */
export function activityBetween(before: KeptCounters | null, now: DatabaseCounters): Activity {
  const counts = ['commits', 'rollbacks', 'deadlocks', 'blocksHit', 'blocksRead'] as const;
  const comparable =
    before?.id === now.id && before.statsReset === now.statsReset && counts.every((key) => before[key] <= now[key]);
  const change = (key: (typeof counts)[number]): number => now[key] - (comparable ? before[key] : 0);
  const blocks = change('blocksHit') + change('blocksRead');
  return {
    since: comparable ? before.at : null,
    transactions: change('commits') + change('rollbacks'),
    rollbacks: change('rollbacks'),
    deadlocks: change('deadlocks'),
    blocks,
    cacheHitPercent: blocks === 0 ? null : Math.round((change('blocksHit') / blocks) * 1000) / 10,
  };
}

export function activityFindings(name: string, activity: Activity): Finding[] {
  const subject = printable(name);
  const { since, deadlocks, rollbacks, transactions, blocks, cacheHitPercent } = activity;
  const period = since === null ? 'since the counters were reset' : `since the check of ${since}`;
  // What happened before the first check may be years old: told, and no warning.
  const locked = deadlocks > 0 && since !== null;
  const share = transactions === 0 ? 0 : Math.round((rollbacks / transactions) * 1000) / 10;
  const rolls = share >= rollbackPercent && rollbacks >= leastRollbacks && since !== null;
  const findings: Finding[] = [
    {
      level: locked ? 'warning' : 'ok',
      code: 'database.deadlocks',
      subject,
      message: `${counted(deadlocks, 'deadlock')} in ${subject} ${period}${locked ? "; see the server's log for their statements, and lock in one order" : ''}.`,
      value: deadlocks,
      threshold: 0,
      unit: 'deadlocks',
    },
    {
      level: rolls ? 'warning' : 'ok',
      code: 'database.rollbacks',
      subject,
      message: `${rollbacks} of ${counted(transactions, 'transaction')} in ${subject} ${rollbacks === 1 ? 'was' : 'were'} rolled back ${period} (${share} %)${rolls ? "; see the application's errors" : ''}.`,
      value: share,
      threshold: rollbackPercent,
      unit: '%',
    },
  ];
  if (cacheHitPercent !== null) {
    const poor = cacheHitPercent < cachePercent && blocks >= leastBlocks;
    findings.push({
      level: poor ? 'warning' : 'ok',
      code: 'database.cache_hits',
      subject,
      message: `${cacheHitPercent} % of ${counted(blocks, 'block')} of ${subject} came from shared_buffers ${period}${poor ? '; see performance-analysis for memory settings and queries that read much' : ''}.`,
      value: cacheHitPercent,
      threshold: cachePercent,
      unit: '%',
      ...(poor ? { remedy: analysis(name) } : {}),
    });
  }
  return findings;
}

function analysis(database: string): NonNullable<Finding['remedy']> {
  return { procedure: 'performance-analysis', options: { database }, title: 'Analyze Performance' };
}

const rollbackPercent = 10;
const leastRollbacks = 100;
const cachePercent = 90;
/** 1 GB of blocks: below that a cold cache is nothing to worry about. */
const leastBlocks = 131_072;
