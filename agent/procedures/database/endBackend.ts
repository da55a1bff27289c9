/** Ends a statement or a session of the server on request, and looks whether that is so. */
import { userInfo } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { secondsSince, type Action } from './actions.ts';
import { errorCode, errorMessage } from './connectionProblem.ts';
import { printable } from './names.ts';
import { findBackend, noteInServerLog, signalBackend, type Activity } from './sessions.ts';
import { shownStatement } from './statementText.ts';
import type { Visit } from './visit.ts';

export type Ending = 'cancel' | 'terminate';

/** Null when it was refused; a finding then says why. */
export async function endBackend(visit: Visit, how: Ending, pid: number): Promise<Action | null> {
  const { session, context } = visit;
  const found = await findBackend(session, pid);
  const refusal = found === null ? `there is no backend ${pid}` : whyNot(session, how, found);
  if (found === null || refusal !== null) {
    const subject = `pid ${pid}`;
    const message = `Nothing was done: ${refusal ?? ''}; see monitor-queries for what runs on ${printable(session.target.name)}.`;
    context.finding({ level: 'critical', code: 'database.backend', subject, message });
    return null;
  }
  const statement = `select pg_${how}_backend(${pid})`;
  const who = `pid ${pid} (user ${printable(found.user ?? '?')}, ${printable(found.application)})`;
  const what = shownStatement(found.query);
  const base = {
    database: session.target.name,
    statement,
    relation: `pid ${pid}`,
    before: { state: found.state, seconds: Math.round(found.seconds * 10) / 10, statement: what },
  };
  if (context.dryRun) {
    context.print(`would run: ${statement}, which ends ${who}: ${what}`);
    return { ...base, seconds: 0, status: 'planned', reason: null, after: {}, verified: false };
  }
  const start = performance.now();
  await noteInServerLog(
    session,
    `${userInfo().username} asks to ${how} the ${how === 'cancel' ? 'statement' : 'backend'} of ${who}`,
  );
  try {
    await signalBackend(session, how, found);
  } catch (error) {
    context.signal.throwIfAborted();
    if (errorCode(error) !== '42501') throw error;
    return denied(visit, { ...base, seconds: secondsSince(start) }, errorMessage(error));
  }
  const state = await untilGone(visit, how, found);
  const seconds = secondsSince(start);
  if (state === null) {
    context.print(`${who}: ${how === 'cancel' ? 'its statement was cancelled' : 'terminated'} within ${seconds} s`);
    return { ...base, seconds, status: 'done', reason: null, after: { state: 'gone' }, verified: true };
  }
  context.finding({
    level: 'warning',
    code: 'database.backend_stays',
    subject: `pid ${pid}`,
    message: `${who} was asked to end and is still ${state} after ${patience / 1000} s${how === 'cancel' ? '; terminate it if it must go' : "; it may be waiting for its disk or network: see the server's log"}.`,
  });
  return { ...base, seconds, status: 'failed', reason: `still ${state}`, after: { state }, verified: false };
}

/** Why a backend is not to be ended; null = it may be. */
function whyNot(session: Visit['session'], how: Ending, found: Activity): string | null {
  const { pid, kind, leader, state, application } = found;
  if (pid === session.pid) return `${pid} is this very connection`;
  if (leader !== null && leader !== pid) return `${pid} works for backend ${leader}: end that one`;
  if (kind === null) {
    return `role ${printable(session.target.user)} may not see backend ${pid}; grant it pg_monitor and pg_signal_backend`;
  }
  if (kind !== 'client backend') return `${pid} is the server's own ${kind}`;
  if (how === 'terminate' || state === 'active') return null;
  const runs = `${pid} (${printable(application)}) runs no statement that could be cancelled, it is ${state}`;
  return state === 'idle' ? runs : `${runs}: terminate it`;
}

function denied(
  { session, context }: Visit,
  base: Omit<Action, 'status' | 'reason' | 'after' | 'verified'>,
  error: string,
): Action {
  const user = printable(session.target.user);
  context.finding({
    level: 'critical',
    code: 'database.backend',
    subject: base.relation,
    message: `Role ${user} may not end ${base.relation} (${printable(error)}); grant it pg_signal_backend, or be the same role; a superuser's backend only a superuser may end.`,
  });
  return { ...base, status: 'failed', reason: printable(error), after: {}, verified: false };
}

/** Null once the statement, or the backend, is gone; what it still is when that takes too long. */
async function untilGone({ session, context }: Visit, how: Ending, found: Activity): Promise<string | null> {
  const deadline = performance.now() + patience;
  for (let pause = 10; ; pause = Math.min(pause * 2, 500)) {
    const now = await findBackend(session, found.pid);
    if (now?.backendStart !== found.backendStart) return null;
    if (how === 'cancel' && (now.state !== 'active' || now.queryStart !== found.queryStart)) return null;
    if (performance.now() + pause > deadline) return now.state ?? 'there';
    await delay(pause, undefined, { signal: context.signal }).catch(() => undefined);
    context.signal.throwIfAborted();
  }
}

/** Milliseconds. */
const patience = 10_000;
