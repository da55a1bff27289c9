/** What the state of a server means: standbys, prepared transactions, checksums, and what the role can not see. */
import type { Finding } from '../../protocol/nouns.ts';
import { bytesText } from './bytesText.ts';
import { printable } from './names.ts';
import type { ServerState } from './serverState.ts';
import type { DatabaseTarget } from './target.ts';
import { wraparoundFinding } from './wraparound.ts';

/** Findings about the server as a whole, `ok` ones included, for the database by which it was asked. */
export function serverFindings(
  state: ServerState,
  target: Pick<DatabaseTarget, 'name' | 'user'>,
  lagSeconds: number,
): Finding[] {
  const subject = printable(target.name);
  const wraparound = wraparoundFinding(state.databases, target.name);
  return [
    ...(wraparound === null ? [] : [wraparound]),
    ...state.standbys.map((standby) => standbyFinding(standby, subject, lagSeconds)),
    ...(state.recovery === null ? [] : [recoveryFinding(state.recovery, subject, lagSeconds)]),
    ...state.prepared.flatMap((prepared) => preparedFinding(prepared, subject)),
    ...state.checksums.map((database) => checksumFinding(database, subject)),
    ...(state.seesAll ? [] : [insightFinding(subject, target.user)]),
  ];
}

function standbyFinding(standby: ServerState['standbys'][number], subject: string, threshold: number): Finding {
  const { lagBytes, lagSeconds, state } = standby;
  const who = `Standby ${printable(standby.name)}${standby.address === null ? '' : ` at ${standby.address}`}`;
  const base = { code: 'database.replication_lag', subject };
  if (state === null) {
    const message = `${who} of ${subject} is connected; how far behind it is only pg_monitor may see.`;
    return { ...base, level: 'info', message };
  }
  // replay_lag is null once a standby has caught up and nothing is written.
  const seconds = Math.round((lagSeconds ?? 0) * 10) / 10;
  const bytes = lagBytes ?? 0;
  const level =
    seconds >= lagCritical * threshold
      ? 'critical'
      : seconds >= threshold || bytes >= lagBytesWarning
        ? 'warning'
        : 'ok';
  const advice = level === 'ok' ? '' : '; look for load, a slow network or a long query on the standby';
  return {
    ...base,
    level,
    message: `${who} of ${subject} (${state}) is ${seconds} s and ${bytesText(bytes)} behind${advice}.`,
    value: seconds,
    threshold,
    unit: 's',
  };
}

function recoveryFinding(recovery: NonNullable<ServerState['recovery']>, subject: string, threshold: number): Finding {
  // Null until the first commit was replayed since the start: then only the bytes tell.
  const seconds = Math.round((recovery.lagSeconds ?? 0) * 10) / 10;
  const bytes = recovery.lagBytes ?? 0;
  const source = recovery.streaming ? '' : ', and no WAL is being streamed to it';
  const late = seconds >= threshold || bytes >= lagBytesWarning;
  const advice = late || !recovery.streaming ? '; see its log, primary_conninfo and the load on it' : '';
  return {
    level: seconds >= lagCritical * threshold ? 'critical' : late || !recovery.streaming ? 'warning' : 'ok',
    code: 'database.replication_lag',
    subject,
    message: `${subject} is a standby, ${seconds} s and ${bytesText(bytes)} behind what it has received${source}${advice}.`,
    value: seconds,
    threshold,
    unit: 's',
  };
}

function preparedFinding(prepared: ServerState['prepared'][number], subject: string): Finding[] {
  const { name, owner, database, seconds } = prepared;
  if (seconds < preparedWarning) return [];
  return [
    {
      level: seconds >= preparedCritical ? 'critical' : 'warning',
      code: 'database.prepared_transaction',
      subject,
      message:
        `Prepared transaction ${printable(name)} of ${printable(owner)} in ${printable(database)} is open for ${durationText(seconds)}: ` +
        `it keeps its locks and holds VACUUM back; let its coordinator finish it, or ROLLBACK PREPARED it.`,
      value: Math.round(seconds),
      threshold: preparedWarning,
      unit: 's',
    },
  ];
}

function checksumFinding(database: ServerState['checksums'][number], subject: string): Finding {
  const { failures, last } = database;
  return {
    level: 'critical',
    code: 'database.checksum',
    subject,
    message:
      `${failures} data pages of ${printable(database.name)} failed their checksum${last === null ? '' : `, last at ${last}`}: ` +
      `the storage corrupts data; check the disk, and restore the relation from a backup.`,
    value: failures,
    threshold: 0,
    unit: 'pages',
  };
}

/** Without pg_read_all_stats much of what would be told is hidden. */
export function insightFinding(subject: string, user: string): Finding {
  const message =
    `Role ${printable(user)} can not see the sessions of others, so long transactions, waits and standbys may go unnoticed; ` +
    'grant it pg_monitor.';
  return { level: 'info', code: 'database.insight', subject, message };
}

/** `40 s`, `12 minutes`, `3 hours`, `9 days`. */
export function durationText(seconds: number): string {
  const units = [
    [86_400, 'days'],
    [3_600, 'hours'],
    [60, 'minutes'],
  ] as const;
  for (const [size, name] of units) if (seconds >= 2 * size) return `${Math.round(seconds / size)} ${name}`;
  return `${Math.round(seconds)} s`;
}

/** Times the threshold. */
const lagCritical = 10;
const lagBytesWarning = 1024 ** 3;
/** Seconds. */
const preparedWarning = 600;
const preparedCritical = 86_400;
