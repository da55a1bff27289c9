/** Runs one maintenance statement on one relation, reads its effect back, and records both. */
import { setTimeout as delay } from 'node:timers/promises';
import { secondsSince, type Action } from './actions.ts';
import { errorMessage } from './connectionProblem.ts';
import { lockHolders } from './holders.ts';
import { printable } from './names.ts';
import { relationFinding, type DatabaseRun } from './run.ts';
import { runStatement, type StatementOutcome } from './statement.ts';
import { watched } from './watch.ts';

export type Measures = Action['before'];

/** What the counters tell afterwards. */
export interface Effect {
  readonly after: Measures;
  /** The counters know of the statement: reading them again changes nothing. */
  readonly reported: boolean;
  /** They prove that it had its effect. */
  readonly proven: boolean;
}

export interface Work {
  /** For people: `VACUUM`, `ANALYZE`. */
  readonly verb: string;
  readonly sql: string;
  readonly oid: string;
  readonly relation: string;
  readonly allowed: boolean;
  /** Who may do it, when it is not MAINTAIN on a table: `run it as a superuser`. */
  readonly rights?: string;
  readonly before: Measures;
  readonly verify: () => Promise<Effect>;
  /** Says why the effect could not be proven, as a finding. */
  readonly unproven: () => Promise<void>;
  /** For a dry run: what it locks, how large it is, what does it. */
  readonly plan?: string;
  /** What does the work, when it is no statement of the session. */
  readonly execute?: () => Promise<StatementOutcome>;
  /** Clears away what a try that did not succeed has left, also when the run is being stopped. */
  readonly cleanUp?: () => Promise<void>;
  /** Takes over reading the effect back and recording it; the statement itself is done. */
  readonly later?: (conclude: () => Promise<Action>) => void;
}

/** Carries the work out, or only plans it in a dry run. Whatever prevents it becomes a finding and the action's status. Null = it is concluded `later`. */
export async function carryOut(run: DatabaseRun, work: Work): Promise<Action | null> {
  const { context, session } = run;
  const base = { database: session.target.name, statement: work.sql, relation: work.relation, before: work.before };
  const record = (rest: Omit<Action, keyof typeof base>): Action => {
    const action = { ...base, ...rest };
    run.action(action);
    return action;
  };
  const undone = { seconds: 0, after: {}, verified: false };
  if (!work.allowed) {
    const reason = 'this role has no right to it';
    reportDenied(run, work, reason);
    return record({ ...undone, status: 'skipped', reason });
  }
  if (context.dryRun) {
    context.print(`would run: ${printable(work.sql)}${work.plan === undefined ? '' : ` (${work.plan})`}`);
    return record({ ...undone, status: 'planned', reason: null });
  }
  const start = performance.now();
  const outcome = await watched(run, work.execute ?? (() => runStatement(run, work))).catch(async (error: unknown) => {
    record({ ...undone, seconds: secondsSince(start), status: 'failed', reason: printable(errorMessage(error)) });
    await work.cleanUp?.();
    throw error;
  });
  const seconds = secondsSince(start);
  if (outcome.kind !== 'done') {
    await reportObstacle(run, work, outcome);
    const status = ['failed', 'timed-out', 'full'].includes(outcome.kind) ? 'failed' : 'skipped';
    return record({ ...undone, seconds, status, reason: outcome.reason });
  }
  const conclude = async (): Promise<Action> => {
    const { after, proven } = await poll(work, context.signal);
    context.print(`${printable(work.sql)}: ${[`${seconds.toFixed(2)} s`, ...changes(work.before, after)].join(', ')}`);
    if (!proven) await work.unproven();
    return record({ seconds, status: 'done', reason: null, after, verified: proven });
  };
  if (work.later === undefined) return conclude();
  work.later(conclude);
  return null;
}

/** The counters are reported asynchronously (up to PostgreSQL 14 by a collector process): read again for up to 3 s. */
async function poll(work: Work, signal: AbortSignal): Promise<Effect> {
  const deadline = performance.now() + 3_000;
  for (let pause = 20; ; pause *= 2) {
    const read = await work.verify();
    if (read.reported || performance.now() + pause > deadline) return read;
    await delay(pause, undefined, { signal }).catch(() => undefined);
    signal.throwIfAborted();
  }
}

function changes(before: Measures, after: Measures): string[] {
  return Object.keys(after)
    .filter((key) => typeof after[key] === 'number' && after[key] !== before[key])
    .map((key) => `${key} ${before[key] ?? '?'} → ${after[key] ?? '?'}`);
}

async function reportObstacle(run: DatabaseRun, work: Work, outcome: Exclude<StatementOutcome, { kind: 'done' }>) {
  const { verb, relation } = work;
  const reason = printable(outcome.reason);
  switch (outcome.kind) {
    case 'denied':
      reportDenied(run, work, reason);
      return;
    case 'locked': {
      const holders = await lockHolders(run.session, work.oid);
      relationFinding(run, relation, {
        level: 'warning',
        code: 'database.lock',
        text: (subject) =>
          `${verb} of ${subject} skipped: ${reason}${holders}; end that session or run this again later.`,
      });
      return;
    }
    case 'timed-out':
      relationFinding(run, relation, {
        level: 'warning',
        code: 'database.timeout',
        text: (subject) => `${verb} of ${subject} not finished: ${reason}; raise database.statement_timeout.`,
      });
      return;
    case 'full':
      relationFinding(run, relation, {
        level: 'critical',
        code: 'database.full_disk',
        text: (subject) =>
          `${verb} of ${subject} stopped, no space is left on the server's disk: ${reason}; the old data is unharmed, free space and run this again.`,
      });
      return;
    case 'gone':
      relationFinding(run, relation, {
        level: 'info',
        code: 'database.dropped',
        text: (subject) => `${subject} was dropped or renamed meanwhile.`,
      });
      return;
    case 'failed':
      relationFinding(run, relation, {
        level: 'critical',
        code: 'database.statement',
        text: (subject) => `${verb} of ${subject} failed: ${reason}; see the server's log.`,
      });
  }
}

function reportDenied(run: DatabaseRun, { verb, relation, rights }: Work, reason: string): void {
  const { version, target } = run.session;
  const remedy =
    rights ??
    (version >= 170000 ? 'grant it MAINTAIN on the table, or pg_maintain' : 'let the owner of the table run this');
  relationFinding(run, relation, {
    level: 'warning',
    code: 'database.rights',
    text: (subject) => `${verb} of ${subject} skipped for role ${printable(target.user)}: ${reason}; ${remedy}.`,
  });
}
