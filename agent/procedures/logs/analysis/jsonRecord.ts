/** One JSON object of a log: what pino, bunyan, winston, zap, logrus, Python's loggers, ECS, PostgreSQL and docker name differently. */
import { levelOf } from './levels.ts';
import type { Level } from './levels.ts';

export interface JsonRecord {
  readonly level: Level | null;
  readonly message: string;
  /** Milliseconds since the epoch; NaN = none. */
  readonly time: number;
  /** A request that the record tells of: `GET /path`. */
  readonly request: { readonly text: string; readonly status: number; readonly seconds: number } | null;
  /** What docker's json-file driver wraps: a piece of a line of the container, with its line feed when it is the end of it. */
  readonly docker: { readonly text: string; readonly stream: string } | null;
}

type Fields = Readonly<Record<string, unknown>>;

/** null when the text is no JSON object. */
export function readJson(text: string): JsonRecord | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isFields(value)) return null;
  const time = timeOf(first(value, ['time', 'timestamp', '@timestamp', 'ts', 'asctime', 'datetime', 'date', 't']));
  const { log, stream } = value;
  if (typeof log === 'string' && typeof stream === 'string') {
    return { level: null, message: '', time, request: null, docker: { text: log, stream } };
  }
  return { level: levelIn(value), message: messageIn(value), time, request: requestIn(value), docker: null };
}

function levelIn(fields: Fields): Level | null {
  const names = ['level', 'severity', 'levelname', 'lvl', 'log.level', 'error_severity', 'loglevel', 'priority'];
  const nested = fields['log'];
  return levelOf(first(fields, names) ?? (isFields(nested) ? nested['level'] : undefined));
}

function messageIn(fields: Fields): string {
  const said = first(fields, ['msg', 'message', 'event', 'text', 'short_message']);
  const error = first(fields, ['err', 'error', 'exception', 'exc_info']);
  const cause = isFields(error) ? (error['message'] ?? error['type']) : error;
  const parts = [said, cause].filter((part) => typeof part === 'string' && part !== '').map(String);
  return [...new Set(parts.map((part) => lastLine(part)))].join(' | ');
}

/** Of a stack trace of Python the last line says what happened, of others the first. */
function lastLine(text: string): string {
  if (!text.includes('\n')) return text;
  const lines = text.trimEnd().split('\n');
  return (lines[0]?.startsWith('Traceback') === true ? lines.at(-1) : lines[0]) ?? text;
}

function requestIn(fields: Fields): JsonRecord['request'] {
  const [asked, answered] = [fields['req'], fields['res']];
  const all = { ...fields, ...(isFields(asked) ? asked : {}), ...(isFields(answered) ? answered : {}) };
  const status = Number(first(all, ['status', 'statusCode', 'status_code', 'response_code']));
  const method = first(all, ['method', 'request_method', 'http_method']);
  const path = first(all, ['url', 'uri', 'request_uri', 'path']);
  if (!Number.isInteger(status) || status < 100 || status > 599) return null;
  if (typeof method !== 'string' || typeof path !== 'string') return null;
  const seconds = first(all, ['request_time', 'duration_s', 'elapsed']);
  const milliseconds = first(all, ['responseTime', 'response_time_ms', 'duration_ms', 'latency_ms']);
  const took = seconds === undefined ? Number(milliseconds) / 1000 : Number(seconds);
  return { text: `${method} ${path.split('?', 1)[0] ?? ''}`, status, seconds: took };
}

function first(fields: Fields, names: readonly string[]): unknown {
  for (const name of names) if (Object.hasOwn(fields, name) && fields[name] !== null) return fields[name];
  return undefined;
}

/** ISO text, or seconds or milliseconds (or finer) since the epoch. */
function timeOf(value: unknown): number {
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
