/** One JSON object of a log: what pino, bunyan, winston, zap, logrus, Python's loggers, ECS, journald, PostgreSQL and docker name differently. */
import { parseJson } from '../../../json.ts';
import type { TextRequest } from './accessReport.ts';
import { withoutColours } from './colours.ts';
import { levelOf, levelOfSeverity as levelOfPriority } from './levels.ts';
import type { Level } from './levels.ts';
import { levelOfSeverity } from './postgresLine.ts';

export interface JsonRecord {
  readonly level: Level | null;
  readonly message: string;
  /** Milliseconds since the epoch; NaN = none. */
  readonly time: number;
  /** A request that the record tells of: `GET /path`. */
  readonly request: TextRequest | null;
  /** A message of PostgreSQL's jsonlog, whole. */
  readonly postgres: { readonly level: Level; readonly message: string } | null;
  /** What docker's json-file driver wraps: a piece of a line of the container, with its line feed when it is the end of it. */
  readonly docker: { readonly text: string; readonly stream: string } | null;
}

type Fields = Readonly<Record<string, unknown>>;

/** null when the text is no JSON object. */
export function readJson(text: string): JsonRecord | null {
  const value = parseJson(text);
  if (!isFields(value)) return null;
  const time = timeOf(
    first(value, ['time', 'timestamp', '@timestamp', 'ts', 'asctime', 'datetime', 'date', 't', '__REALTIME_TIMESTAMP']),
  );
  const { log, stream } = value;
  if (typeof log === 'string' && typeof stream === 'string') {
    return { level: null, message: '', time, request: null, postgres: null, docker: { text: log, stream } };
  }
  const postgres = postgresIn(value);
  if (postgres !== null) return { ...postgres, time, request: null, postgres, docker: null };
  const request = requestIn(value);
  return { level: levelIn(value), message: messageIn(value), time, request, postgres: null, docker: null };
}

/** PostgreSQL manual, "Using JSON-Format Log Output". */
function postgresIn(fields: Fields): JsonRecord['postgres'] {
  const { error_severity: severity, message, session_id: session } = fields;
  if (typeof severity !== 'string' || typeof session !== 'string') return null;
  const level = levelOfSeverity(severity);
  return level === null ? null : { level, message: typeof message === 'string' ? message : '' };
}

function levelIn(fields: Fields): Level | null {
  const names = ['level', 'severity', 'levelname', 'lvl', 'log.level', 'error_severity', 'loglevel', 'priority'];
  const nested = fields['log'];
  const { PRIORITY: priority } = fields;
  // journalctl -o json: a severity of syslog.
  if (typeof priority === 'string' && /^[0-7]$/.test(priority)) return levelOfPriority(Number(priority));
  return levelOf(first(fields, names) ?? (isFields(nested) ? nested['level'] : undefined));
}

function messageIn(fields: Fields): string {
  const said = first(fields, ['msg', 'message', 'event', 'text', 'short_message', 'MESSAGE']);
  const error = first(fields, ['err', 'error', 'exception', 'exc_info']);
  const cause = isFields(error) ? (error['message'] ?? error['type']) : error;
  const parts = [said, cause].filter((part) => typeof part === 'string' && part !== '').map(String);
  return [...new Set(parts.map((part) => withoutColours(lastLine(part))))].join(' | ');
}

/** Of a stack trace of Python the last line says what happened, of others the first. */
function lastLine(text: string): string {
  if (!text.includes('\n')) return text;
  const lines = text.trimEnd().split('\n');
  return (lines[0]?.startsWith('Traceback') === true ? lines.at(-1) : lines[0]) ?? text;
}

function requestIn(fields: Fields): TextRequest | null {
  const [asked, answered] = [fields['req'], fields['res']];
  const all = { ...fields, ...(isFields(asked) ? asked : {}), ...(isFields(answered) ? answered : {}) };
  const status = Number(first(all, ['status', 'statusCode', 'status_code', 'response_code']));
  if (!Number.isInteger(status) || status < 100 || status > 599) return null;
  const text = requestTextIn(all);
  if (text === null) return null;
  const seconds = first(all, ['request_time', 'duration_s', 'elapsed']);
  const milliseconds = first(all, ['responseTime', 'response_time_ms', 'duration_ms', 'latency_ms']);
  const took = seconds === undefined ? Number(milliseconds) / 1000 : Number(seconds);
  const bytes = Number(first(all, ['body_bytes_sent', 'bytes_sent', 'bytes', 'response_size', 'size']));
  const named = (names: readonly string[]): string | null => {
    const value = first(all, names);
    return typeof value === 'string' && value !== '' ? value : null;
  };
  return {
    text,
    status,
    bytes: bytes >= 0 ? bytes : 0,
    seconds: took >= 0 ? took : Number.NaN,
    client: named(['remote_addr', 'client_ip', 'clientip', 'remote_ip', 'remoteAddress', 'client']),
    agent: named(['http_user_agent', 'user_agent', 'userAgent', 'agent']),
  };
}

/** `GET /path`, without a query and a protocol. */
function requestTextIn(fields: Fields): string | null {
  const method = first(fields, ['method', 'request_method', 'http_method']);
  const path = first(fields, ['url', 'uri', 'request_uri', 'path']);
  if (typeof method === 'string' && typeof path === 'string') return `${method} ${path.split('?', 1)[0] ?? ''}`;
  const line = fields['request'];
  if (typeof line !== 'string') return null;
  const parts = /^([A-Z]{1,20}) ([^ ?]+)/.exec(line);
  if (parts !== null) return `${parts[1]} ${parts[2]}`;
  // What was sent to a server and was no request.
  return Object.hasOwn(fields, 'body_bytes_sent') || Object.hasOwn(fields, 'remote_addr') ? line.slice(0, 200) : null;
}

function first(fields: Fields, names: readonly string[]): unknown {
  for (const name of names) if (Object.hasOwn(fields, name) && fields[name] !== null) return fields[name];
  return undefined;
}

/** ISO text, or seconds or milliseconds (or finer) since the epoch. */
export function timeOf(value: unknown): number {
  if (typeof value === 'string') {
    const time = /^\d+(?:\.\d+)?$/.test(value) ? timeOf(Number(value)) : Date.parse(value.replace(',', '.'));
    return time;
  }
  if (typeof value !== 'number' || value <= 0) return Number.NaN;
  if (value < 1e11) return value * 1000;
  if (value < 1e14) return value;
  return value < 1e17 ? value / 1e3 : value / 1e6;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
