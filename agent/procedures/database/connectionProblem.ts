/** Why a database could not be reached or was lost: cause and what to do, for people. Never contains a password. */
import type { Finding } from '../../protocol/nouns.ts';
import { codeOf, messageOf } from '../../thrown.ts';
import { printable } from './names.ts';
import { describeTarget, type DatabaseTarget } from './target.ts';

/** SQLSTATE (PostgreSQL manual, appendix "Error Codes") or system error code of what was thrown; '' when it has none. */
export function errorCode(error: unknown): string {
  if (error instanceof AggregateError) return errorCode(error.errors[0]);
  return codeOf(error);
}

export function errorMessage(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return errorMessage(error.errors[0]);
  return messageOf(error);
}

/** True when the connection is gone: later statements on it can only fail. */
export function isConnectionLost(error: unknown): boolean {
  const code = errorCode(error);
  return (
    lostCodes.has(code) ||
    code.startsWith('08') ||
    /Connection terminated|Client has encountered a connection error|not queryable/i.test(errorMessage(error))
  );
}

/** True for refusals that pass by themselves: all slots taken, starting up, in crash recovery. */
export function isPassingRefusal(error: unknown): boolean {
  return errorCode(error) === '53300' || isRecovering(error);
}

/** True when the server says that it starts, stops or recovers (cannot_connect_now). */
export function isRecovering(error: unknown): boolean {
  return errorCode(error) === '57P03';
}

/** True when nothing listens there, as while a server is being started again. */
export function isAbsent(error: unknown): boolean {
  return ['ECONNREFUSED', 'ENOENT', 'ECONNRESET'].includes(errorCode(error));
}

/** True when the driver gave up an attempt to connect. */
export function isTimeout(error: unknown): boolean {
  return /timeout expired/i.test(errorMessage(error));
}

/** The one critical finding of a database that does not answer. `milliseconds` = connect_timeout. */
export function connectionFinding(target: DatabaseTarget, error: unknown, milliseconds: number): Finding {
  const [cause, advice] = explain(error, target, milliseconds);
  return {
    level: 'critical',
    code: 'database.connection',
    subject: printable(target.name),
    message: `No connection to ${describeTarget(target)}: ${cause}; ${advice}.`,
  };
}

/** A connection that broke while it was in use. */
export function lostConnectionFinding(target: DatabaseTarget, error: unknown, doing: string): Finding {
  const cause =
    errorCode(error) === '57P01' ? 'an administrator ended it' : 'the server crashed, restarted or is in recovery';
  return {
    level: 'critical',
    code: 'database.connection',
    subject: printable(target.name),
    message:
      `The connection to ${describeTarget(target)} was lost during ${doing} (${printable(errorMessage(error))}): ` +
      `${cause}; see the server's log, then run this again.`,
  };
}

/** A statement that failed for a reason that no rule foresees. The other databases go on. */
export function failedStatementFinding(target: DatabaseTarget, error: unknown, doing: string): Finding {
  return {
    level: 'critical',
    code: 'database.statement',
    subject: printable(target.name),
    message: `${doing} of ${describeTarget(target)} stopped: ${printable(errorMessage(error))}; see the server's log.`,
  };
}

const lostCodes = new Set(['57P01', '57P02', '57P03', '57P05', 'ECONNRESET', 'EPIPE', 'ECONNREFUSED']);

function explain(error: unknown, target: DatabaseTarget, milliseconds: number): readonly [string, string] {
  const message = printable(errorMessage(error));
  const known = byCode(errorCode(error), target);
  if (known !== null) return [`${known[0]} (${message})`, known[1]];
  if (isTimeout(error)) {
    return [`no answer within ${milliseconds} ms`, 'check host, port, firewall and that the server is not overloaded'];
  }
  if (/password must be/i.test(message)) {
    return [
      'the server asks for a password and none is given',
      'put it into .pgpass (mode 0600), PGPASSWORD or the url as ${VARIABLE}',
    ];
  }
  if (/does not support SSL/i.test(message)) {
    return ['the server speaks no TLS', 'turn on ssl on the server or set sslmode=prefer'];
  }
  if (message.includes('the file of ssl'))
    return [message, 'correct the path in url or PGSSL* variable, or its rights'];
  if (/certificate|self.signed|altnames/i.test(message)) {
    return [`its certificate is not accepted (${message})`, 'set sslrootcert to its CA or correct the certificate'];
  }
  return [message, 'see the log of the server'];
}

function byCode(code: string, target: DatabaseTarget): readonly [string, string] | null {
  switch (code) {
    case 'ECONNREFUSED':
    case 'ENOENT':
      return ['nothing listens there', 'start PostgreSQL, or correct host and port in url or PGHOST and PGPORT'];
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return ['the host name is not known', 'correct the host, or check DNS'];
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return ['the host does not answer', 'check host, route and firewall'];
    case 'EACCES':
      return ['the socket may not be opened', 'give the user of the agent the right to it'];
    case '28P01':
      return ['the password is refused', 'correct it in .pgpass, PGPASSWORD or the url'];
    case '28000':
      return ['the server refuses this user from here', `correct the user, or allow it in pg_hba.conf`];
    case '3D000':
      return ['there is no such database', `create ${target.database}, or correct the name in url or PGDATABASE`];
    case '53300':
      return ['all connection slots are taken', 'close idle sessions, use a pooler or raise max_connections'];
    case '57P03':
      return ['the server is starting up, shutting down or in recovery', 'wait for it, see its log'];
    default:
      return null;
  }
}
