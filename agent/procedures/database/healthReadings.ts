/** Everything that `check-db-health` reads of one database, over one connection, and the findings that follow. */
import * as z from 'zod';
import type { Finding } from '../../protocol/nouns.ts';
import { activityBetween, activityFindings, type KeptCounters } from './counterFindings.ts';
import { diskFindings, diskRooms } from './diskRoom.ts';
import { deadPercent, vacuumDue } from './due.ts';
import { connectionFindings, latencyFinding, measureLatency, readConnections } from './health.ts';
import { longTransactions, type LongTransaction } from './holders.ts';
import { endSession, lockFindings, lockTrees, readLockWaits, treeLines } from './lockTree.ts';
import { counted, printable } from './names.ts';
import { subjectOf } from './run.ts';
import { readSequences, sequenceFindings } from './sequences.ts';
import { durationText, serverFindings } from './serverFindings.ts';
import { preparedSchema, readServerState, standbySchema, type ServerState } from './serverState.ts';
import { listTables, type Table } from './tables.ts';
import type { Visit } from './visit.ts';
import { walFindings } from './wal.ts';

/** One database in the JSON document; null = it could not be told. */
export const healthSchema = z.object({
  database: z.string(),
  latencyMs: z.number(),
  connections: z.object({ used: z.number(), maximum: z.number(), idleInTransaction: z.number() }).nullable(),
  /** Greatest age in the server, as share of 2^31 ids. */
  wraparoundPercent: z.number().nullable(),
  standbys: z.array(standbySchema),
  /** Of this server, when it is a standby. */
  lagSeconds: z.number().nullable(),
  waits: z.array(
    z.object({
      pid: z.number(),
      waitedSeconds: z.number().nullable(),
      wants: z.string().nullable(),
      blockedBy: z.array(z.number()),
    }),
  ),
  longTransactions: z.array(z.object({ pid: z.number(), seconds: z.number(), who: z.string() })),
  preparedTransactions: z.array(preparedSchema),
  /** Since `since`, the check before; null = since the counters were reset. */
  activity: z
    .object({
      since: z.string().nullable(),
      transactions: z.number(),
      rollbacks: z.number(),
      deadlocks: z.number(),
      blocks: z.number(),
      cacheHitPercent: z.number().nullable(),
    })
    .nullable(),
  sequences: z.array(z.object({ sequence: z.string(), usedPercent: z.number() })),
  disks: z.array(
    z.object({
      what: z.string(),
      path: z.string(),
      totalBytes: z.number(),
      availableBytes: z.number(),
      usedPercent: z.number(),
    }),
  ),
  /** Tables that wait for VACUUM. */
  vacuumDue: z.number(),
});
export type Health = z.infer<typeof healthSchema>;

export interface HealthReadings {
  readonly health: Health;
  readonly findings: readonly Finding[];
  /** The blocking tree, line by line. */
  readonly lockTree: readonly string[];
  readonly state: ServerState;
}

/** Reads only. `before` = the counters of the check before. */
export async function readHealth(visit: Visit, before: KeptCounters | null): Promise<HealthReadings> {
  const { session, settings, context } = visit;
  const { name } = session.target;
  const { thresholds } = context.config;
  const latencyMs = await measureLatency(session);
  const connections = await readConnections(session);
  const state = await readServerState(session);
  const involved = await readLockWaits(session);
  const trees = lockTrees(involved);
  const transactions = await longTransactions(session, settings.long_transaction / 1000);
  const sequences = await readSequences(session);
  const due = vacuumDue(await listTables(session), settings, context.now());
  const rooms = await diskRooms(session.target, state);
  const server = serverFindings(state, session.target, settings.replication_lag / 1000);
  const activity = state.counters === null ? null : activityBetween(before, state.counters);
  return {
    state,
    lockTree: trees.flatMap((tree) => treeLines(tree)),
    findings: [
      latencyFinding(name, latencyMs),
      ...(connections === null ? [] : connectionFindings(name, connections, thresholds.database_connections_percent)),
      ...server,
      ...lockFindings(name, trees, settings.lock_wait / 1000),
      ...transactions.map((transaction) => transactionFinding(visit, transaction)),
      ...(activity === null ? [] : activityFindings(name, activity)),
      ...sequenceFindings(name, sequences, (relation) => subjectOf(visit, relation)),
      ...(await walFindings(session)),
      ...diskFindings(name, rooms, thresholds.disk_usage_percent),
      ...vacuumFinding(visit, due),
    ],
    health: {
      database: name,
      latencyMs,
      connections,
      wraparoundPercent: server.find((finding) => finding.code === 'database.wraparound')?.value ?? null,
      standbys: [...state.standbys],
      lagSeconds: state.recovery?.lagSeconds ?? null,
      waits: involved
        .filter((session) => session.blockers.length > 0)
        .map(({ pid, waited, wants, blockers }) => ({ pid, waitedSeconds: waited, wants, blockedBy: [...blockers] })),
      longTransactions: transactions.map(({ pid, seconds, who }) => ({ pid, seconds, who })),
      preparedTransactions: [...state.prepared],
      activity,
      sequences: sequences.fullest.map(({ sequence, usedPercent }) => ({ sequence, usedPercent })),
      disks: rooms,
      vacuumDue: due.length,
    },
  };
}

function transactionFinding({ session, settings }: Visit, transaction: LongTransaction): Finding {
  const { name } = session.target;
  const { who, seconds } = transaction;
  return {
    level: 'warning',
    code: 'database.long_transaction',
    subject: printable(name),
    message: `A transaction is open for ${durationText(seconds)}, ${who}: VACUUM can not remove newer dead rows; end it if nobody needs it.`,
    value: Math.round(seconds),
    threshold: settings.long_transaction / 1000,
    unit: 's',
    remedy: endSession(name, transaction),
  };
}

/** Tables that the daily maintenance would vacuum; a warning once the worst has twice the share of dead rows that calls for it. */
function vacuumFinding(visit: Visit, due: readonly Table[]): Finding[] {
  const { session, settings } = visit;
  const database = session.target.name;
  const subject = printable(database);
  const base = { code: 'database.vacuum', subject, value: due.length, threshold: 0, unit: 'tables' };
  const [worst] = due;
  if (worst === undefined) return [{ ...base, level: 'ok', message: `No table of ${subject} waits for VACUUM.` }];
  const percent = Math.round(Math.max(...due.map(deadPercent)) * 10) / 10;
  const last = worst.lastVacuum === null ? 'never vacuumed' : `last vacuumed at ${worst.lastVacuum.toISOString()}`;
  return [
    {
      ...base,
      level: percent >= 2 * settings.dead_tuple_percent ? 'warning' : 'info',
      message:
        `${counted(due.length, 'table')} of ${subject} ${due.length === 1 ? 'waits' : 'wait'} for VACUUM, up to ${percent} % of their rows are dead; ` +
        `first ${subjectOf(visit, worst.relation)}, ${last}.`,
      remedy: { procedure: 'database-daily-maintenance', options: { database }, title: 'Run Daily Maintenance' },
    },
  ];
}
