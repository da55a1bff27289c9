/**
 * One log, whatever it holds: each line goes to the format that knows it. Runs of lines of one format are taken by that format
 * as they come; what it does not know is looked at by all the others, so that mixed files lose nothing.
 */
import { isUtf8 } from 'node:buffer';
import { AccessReport } from './accessReport.ts';
import { Assembler } from './assembler.ts';
import type { AssembledRecord } from './assembler.ts';
import { newline } from './bytes.ts';
import { linesWithoutColours, withoutColours } from './colours.ts';
import { readJson } from './jsonRecord.ts';
import { readContainerLine, readKlog } from './kubernetesLine.ts';
import { guessLevel, levelOfStatus, levels, priorityAt } from './levels.ts';
import type { Level } from './levels.ts';
import type { RequestTime } from '../../../config/logs.ts';
import { readLogfmt } from './logfmt.ts';
import { PostgresCsv } from './postgresCsv.ts';
import { PostgresReport } from './postgresReport.ts';
import { readRedis } from './redisLine.ts';
import { readSyslog } from './syslogLine.ts';
import { Templates } from './templates.ts';
import { TimeReader } from './times.ts';

export interface AnalysisSettings {
  /** Error groups, or requests and statements. */
  readonly report: 'error' | 'performance';
  /** Milliseconds since the epoch; -Infinity = everything. */
  readonly since: number;
  readonly now: number;
  readonly top: number;
  /** Text that makes a message one that is expected: it is counted, and left out of the groups. */
  readonly ignore: readonly string[];
  /** What whole numbers behind a request count. */
  readonly requestTime: RequestTime;
}

type Container = 'docker-json' | 'kubernetes';

const longestPartial = 64 * 1024;

export class LogAnalysis {
  lines = 0;
  longLines = 0;
  /** Lines with NUL bytes, and lines that are no UTF-8. */
  binaryLines = 0;
  invalidLines = 0;
  /** Records older than `since`. */
  skipped = 0;
  /** Statuses of requests that JSON records tell of; those of access lines are in `access`. */
  readonly requestStatuses = new Float64Array(600);
  readonly templates: Templates;
  readonly access: AccessReport;
  readonly postgres: PostgresReport;
  /** Those of PostgreSQL's records that came as CSV and as JSON. */
  postgresCsv = 0;
  postgresJson = 0;
  /** Records of all formats but access lines and PostgreSQL's. */
  readonly formats = new Map<string, number>();
  readonly levels: Record<Level, number> = { fatal: 0, error: 0, warning: 0, info: 0, debug: 0 };
  firstTime = Number.NaN;
  lastTime = Number.NaN;
  readonly #settings: AnalysisSettings;
  readonly #times: TimeReader;
  readonly #assembler: Assembler;
  readonly #csv: PostgresCsv;
  #current: 'access' | 'postgres' | 'csv' | null = null;
  /** Time of the record before, for records that show none. */
  #lastSeen = Number.NaN;
  /** While the line of a container is looked at: when it was taken, and by what. */
  #containerTime = Number.NaN;
  #container: Container | null = null;
  #insideContainer: 'access' | 'postgres' | 'csv' | null = null;
  readonly #partial = new Map<string, { readonly text: string; readonly container: Container }>();

  constructor(settings: AnalysisSettings) {
    this.#settings = settings;
    this.templates = new Templates(settings.ignore);
    this.#times = new TimeReader(settings.now);
    const whole = settings.report === 'performance';
    const { since, top, requestTime } = settings;
    this.access = new AccessReport({ whole, since, slowest: top, requestTime });
    this.postgres = new PostgresReport({ times: this.#times, templates: this.templates, since, whole });
    this.#csv = new PostgresCsv(this.#times, (level, time, message, length) => {
      if (this.postgres.record(level, time, message, length)) this.postgresCsv += 1;
    });
    this.#assembler = new Assembler((record) => {
      this.#record(record);
    });
  }

  /** Whole lines, each with its line feed; see LineSink. */
  readonly take = (bytes: Buffer, start: number, end: number): void => {
    this.#countRubbish(bytes, start, end);
    const plain = linesWithoutColours(bytes, start, end);
    if (plain === null) this.#take(bytes, start, end);
    else this.#take(plain, 0, plain.length);
  };

  #take(bytes: Buffer, start: number, end: number): void {
    const { access, postgres } = this;
    for (let at = start; at < end;) {
      if (this.#current === 'access') {
        const before = access.records + access.skipped;
        at = access.consume(bytes, at, end);
        this.lines += access.records + access.skipped - before;
      } else if (this.#current === 'postgres') {
        const before = postgres.lines;
        at = postgres.consume(bytes, at, end);
        this.lines += postgres.lines - before;
      }
      if (at >= end) break;
      const stop = bytes.indexOf(newline, at);
      this.lines += 1;
      this.#line(bytes, at, withoutEnd(bytes, at, stop));
      at = stop + 1;
    }
  }

  /** The end of one file of the log: nothing goes on into the next. */
  endFile(): void {
    for (const { text, container } of this.#partial.values()) this.#containerLine(text, container);
    this.#partial.clear();
    this.#assembler.flush();
    this.#csv.close();
    this.postgres.flush();
    this.#current = null;
    this.#lastSeen = Number.NaN;
  }

  #line(bytes: Buffer, from: number, end: number): void {
    let start = from;
    // After a power loss, and after a copytruncate under a writer that does not append, a line begins behind a hole.
    while (start < end && bytes[start] === 0) start += 1;
    if (this.#current === 'csv' && this.#csv.line(bytes, start, end)) return;
    const first = bytes[start] ?? newline;
    if (start === end) {
      if (this.#current !== 'postgres' || !this.postgres.line(bytes, start, end))
        this.#assembler.extend(bytes, start, end);
      return;
    }
    if (first === 239 && bytes[start + 1] === 187 && bytes[start + 2] === 191) start += 3;
    if (bytes[start] === 123 && this.#json(bytes, start, end)) return;
    if (first === 9 && this.#current === 'postgres' && this.postgres.line(bytes, start, end)) return;
    if (this.#accessLine(bytes, start, end) || this.#headed(bytes, start, end)) return;
    if (this.#postgresLine(bytes, start, end)) return;
    if (this.#logfmt(bytes, start, end) || this.#assembler.extend(bytes, start, end)) return;
    this.#begin('plain', this.#containerTime, null, false, { bytes, start, end });
  }

  #accessLine(bytes: Buffer, start: number, end: number): boolean {
    const byte = bytes[start] ?? 0;
    if (byte === 91 || byte === 60 || byte <= 32) return false;
    // The line feed (or the carriage return) is there in every block.
    if (this.access.consume(bytes, start, end + 1) <= start) return false;
    this.#assembler.flush();
    this.#current = 'access';
    return true;
  }

  /** Lines that begin with a time or a priority. */
  #headed(bytes: Buffer, start: number, end: number): boolean {
    const time = this.#times.read(bytes, start, end);
    const isTimed = !Number.isNaN(time);
    if (!isTimed && priorityAt(bytes, start, end) < 0)
      return this.#redisLine(bytes, start, end) || this.#klogLine(bytes, start, end);
    const behind = this.#times.end;
    const piece = isTimed && this.#container === null ? readContainerLine(bytes, behind, end) : null;
    if (piece !== null) {
      this.#piece(piece, time, 'kubernetes');
      return true;
    }
    if (isTimed && (this.#postgresLine(bytes, start, end) || this.#csvLine(bytes, start, end))) return true;
    const syslog = bytes[start] === 91 ? null : readSyslog(bytes, start, end, this.#times);
    if (syslog !== null) {
      this.#begin(syslog.format, syslog.time, syslog.level, false, { bytes, start: syslog.start, end });
      return true;
    }
    if (!isTimed) return false;
    // Go has the same form of a date, and no level behind it.
    const isNginx = bytes[start + 4] === 47 && bytes[behind] === 32 && bytes[behind + 1] === 91;
    const format = isNginx
      ? 'nginx-error'
      : (bytes[start + 1] ?? 0) >= 65 && bytes[start] === 91
        ? 'apache-error'
        : 'plain';
    let from = behind;
    while (from < end && bytes[from] === 32) from += 1;
    // Apache writes line feeds as `\n`; what nginx passes on from FastCGI, and most applications, do not.
    const isApache = format === 'apache-error';
    this.#begin(format, time, isApache ? apacheLevel(bytes, from, end) : null, !isApache, {
      bytes,
      start: from,
      end,
    });
    return true;
  }

  #redisLine(bytes: Buffer, start: number, end: number): boolean {
    const head = readRedis(bytes, start, end, this.#times);
    if (head === null) return false;
    this.#begin('redis', head.time, head.level, true, { bytes, start: head.start, end });
    return true;
  }

  #klogLine(bytes: Buffer, start: number, end: number): boolean {
    const head = readKlog(bytes, start, end, this.#times);
    if (head === null) return false;
    this.#begin('klog', head.time, head.level, true, { bytes, start: head.start, end });
    return true;
  }

  #logfmt(bytes: Buffer, start: number, end: number): boolean {
    // A long line ends where it is cut.
    if (!startsLogfmt(bytes, start, end)) return false;
    const line = readLogfmt(bytes.toString('utf8', start, Math.min(end, start + longestPartial)));
    if (line === null) return false;
    this.#assembler.flush();
    const message = Buffer.from(line.message);
    const level = line.level ?? guessLevel(message, 0, message.length).level;
    const time = Number.isNaN(line.time) ? this.#containerTime : line.time;
    const format = this.#container ?? 'logfmt';
    this.#record({ format, level, time, message, length: message.length, lines: 1 });
    return true;
  }

  #postgresLine(bytes: Buffer, start: number, end: number): boolean {
    // What goes on with a message is asked for above.
    if ((bytes[start] ?? 0) <= 32 || !this.postgres.line(bytes, start, end)) return false;
    this.#assembler.flush();
    this.#current = 'postgres';
    return true;
  }

  #csvLine(bytes: Buffer, start: number, end: number): boolean {
    if (!this.#csv.line(bytes, start, end)) return false;
    this.#assembler.flush();
    this.#current = 'csv';
    return true;
  }

  #json(bytes: Buffer, start: number, end: number): boolean {
    const record = readJson(bytes.toString('utf8', start, end));
    if (record === null) return false;
    if (record.docker !== null && this.#container === null) {
      this.#piece(record.docker, record.time, 'docker-json');
      return true;
    }
    this.#assembler.flush();
    if (record.postgres !== null) {
      const { level, message } = record.postgres;
      const text = Buffer.from(message);
      if (this.postgres.record(level, record.time, text, text.length)) this.postgresJson += 1;
      return true;
    }
    const { request } = record;
    const time = Number.isNaN(record.time) ? this.#containerTime : record.time;
    const message = Buffer.from(
      record.message === '' ? bytes.toString('utf8', start, Math.min(end, start + 600)) : record.message,
    );
    const byStatus = request === null ? null : levelOfStatus(request.status);
    const level = record.level ?? byStatus ?? guessLevel(message, 0, message.length).level;
    // A request without a grave message of its own is in a group by its status and route.
    const grouped = request === null || (record.message !== '' && level !== 'info' && level !== 'debug');
    if (request !== null && !(time < this.#settings.since)) {
      this.requestStatuses[request.status] = (this.requestStatuses[request.status] ?? 0) + 1;
      this.access.addRequest(request, time, !grouped);
    }
    const format = this.#container ?? 'json';
    this.#record({ format, level, time, message, length: message.length, lines: 1 }, grouped);
    return true;
  }

  /** docker and Kubernetes cut lines at 16 KiB: pieces of one line come one after the other, without a line feed at their end. */
  #piece(piece: { readonly text: string; readonly stream: string }, time: number, container: Container): void {
    const text = (this.#partial.get(piece.stream)?.text ?? '') + piece.text;
    this.#containerTime = time;
    if (text.endsWith('\n') || text.length > longestPartial) {
      this.#partial.delete(piece.stream);
      this.#containerLine(text, container);
    } else if (this.#partial.size < 8) this.#partial.set(piece.stream, { text, container });
  }

  #containerLine(piece: string, container: Container): void {
    const text = withoutColours(piece);
    const bytes = Buffer.from(text.endsWith('\n') ? text : `${text}\n`);
    const current = this.#current;
    this.#current = this.#insideContainer;
    this.#container = container;
    for (let at = 0; at < bytes.length;) {
      const stop = bytes.indexOf(newline, at);
      this.#line(bytes, at, withoutEnd(bytes, at, stop));
      at = stop + 1;
    }
    this.#container = null;
    this.#insideContainer = this.#current;
    this.#current = current;
    this.#containerTime = Number.NaN;
  }

  #begin(
    format: string,
    time: number,
    level: Level | null,
    open: boolean,
    line: { readonly bytes: Buffer; readonly start: number; readonly end: number },
  ): void {
    if (this.#container === null) this.#current = null;
    const head = { format: this.#container ?? format, time, level, open };
    this.#assembler.begin(
      { ...head, time: Number.isNaN(time) ? this.#containerTime : time },
      line.bytes,
      line.start,
      line.end,
    );
  }

  #record(record: AssembledRecord, grouped = true): void {
    const { level, message, length } = record;
    const time = Number.isNaN(record.time) ? this.#lastSeen : record.time;
    this.#lastSeen = time;
    if (time < this.#settings.since) {
      this.skipped += 1;
      return;
    }
    this.formats.set(record.format, (this.formats.get(record.format) ?? 0) + 1);
    this.levels[level] += 1;
    if (!(time >= this.firstTime) && !Number.isNaN(time)) this.firstTime = time;
    if (!(time <= this.lastTime) && !Number.isNaN(time)) this.lastTime = time;
    if (grouped && level !== 'info' && level !== 'debug') this.templates.add(level, message, 0, length, time);
  }

  #countRubbish(bytes: Buffer, start: number, end: number): void {
    const block = bytes.subarray(start, end);
    const valid = isUtf8(block);
    if (valid && !block.includes(0)) return;
    for (let at = 0; at < block.length;) {
      const stop = block.indexOf(newline, at);
      const line = block.subarray(at, stop);
      if (line.includes(0)) this.binaryLines += 1;
      if (!valid && !isUtf8(line)) this.invalidLines += 1;
      at = stop + 1;
    }
  }
}

export function addLevels(sum: Record<Level, number>, more: Readonly<Record<Level, number>>): void {
  for (const level of levels) sum[level] += more[level];
}

function withoutEnd(bytes: Buffer, start: number, stop: number): number {
  let end = stop;
  while (end > start && (bytes[end - 1] === 13 || bytes[end - 1] === 32)) end -= 1;
  return end;
}

/** Names that logfmt begins with: of the thousands of other lines none is made a string. */
function startsLogfmt(bytes: Buffer, start: number, end: number): boolean {
  const first = bytes[start] ?? 0;
  if (first < 97 || first > 122) return false;
  const stop = Math.min(end, start + 10);
  for (let at = start + 1; at < stop; at += 1) if (bytes[at] === 61) return true;
  return false;
}

/** `[core:error] [pid 123] …` or `[error] …`: the level is the last word in the first brackets. */
function apacheLevel(bytes: Buffer, start: number, end: number): Level | null {
  if (bytes[start] !== 91) return null;
  const text = bytes.toString('latin1', start + 1, Math.min(end, start + 60));
  const word = /^(?:[a-z0-9_]*:)?([a-z]+)\d?\]/.exec(text)?.[1];
  return word === undefined ? null : guessLevel(Buffer.from(`[${word}]`), 0, word.length + 2).level;
}
