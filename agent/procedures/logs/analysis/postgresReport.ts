/** What a PostgreSQL log comes to: statements by their normalised text, errors, temporary files, waits for locks, checkpoints, connections. */
import { newline, NumberReader, startsWith } from './bytes.ts';
import { PostgresLine } from './postgresLine.ts';
import { Quantiles } from './quantiles.ts';
import { StatementCounts } from './statementCounts.ts';
import type { Templates } from './templates.ts';
import type { TimeReader } from './times.ts';
import type { Level } from './levels.ts';

const longestMessage = 16 * 1024;
const tab = 9;

export class PostgresReport {
  /** Lines that `consume` took. */
  lines = 0;
  records = 0;
  skipped = 0;
  readonly levels: Record<Level, number> = { fatal: 0, error: 0, warning: 0, info: 0, debug: 0 };
  /** With a duration of their own (`log_min_duration_statement`, `log_duration`). */
  readonly statements = new StatementCounts();
  /** What auto_explain tells, as a rule of the same statements. */
  readonly plans = new StatementCounts();
  readonly counts = {
    connections: 0,
    disconnections: 0,
    lockWaits: 0,
    deadlocks: 0,
    checkpoints: 0,
    checkpointsTimed: 0,
    autovacuums: 0,
    temporaryFiles: 0,
    temporaryBytes: 0,
  };
  readonly checkpointSeconds = new Quantiles();
  readonly sessionSeconds = new Quantiles();
  firstTime = Number.NaN;
  lastTime = Number.NaN;
  readonly #line: PostgresLine;
  readonly #templates: Templates;
  readonly #since: number;
  readonly #whole: boolean;
  readonly #numbers = new NumberReader();
  /** The message that goes on until the next one begins. */
  readonly #message = Buffer.alloc(longestMessage);
  #length = 0;
  #time = Number.NaN;
  #level: Level = 'info';
  #pending = false;
  /** A line goes on with a tab; it belongs to the message itself, or to a part of it that is not kept. */
  #keeping = false;
  #dropping = false;

  constructor(given: {
    readonly times: TimeReader;
    readonly templates: Templates;
    readonly since: number;
    readonly whole: boolean;
  }) {
    this.#line = new PostgresLine(given.times);
    this.#templates = given.templates;
    this.#since = given.since;
    this.#whole = given.whole;
  }

  /** Takes lines from `start` on; returns where the first one begins that is none of PostgreSQL's, or `end`. */
  consume(bytes: Buffer, start: number, end: number): number {
    for (let at = start; at < end;) {
      const stop = bytes.indexOf(newline, at);
      const lineEnd = bytes[stop - 1] === 13 && stop > at ? stop - 1 : stop;
      if (!this.line(bytes, at, lineEnd)) return at;
      this.lines += 1;
      at = stop + 1;
    }
    return end;
  }

  /** Takes one line without its end; false when it is none of PostgreSQL's. */
  line(bytes: Buffer, start: number, end: number): boolean {
    if (bytes[start] === tab || start === end) return this.#goOn(bytes, start, end);
    const line = this.#line;
    if (!line.parse(bytes, start, end)) return false;
    if (line.detail) {
      this.#keeping = false;
      return true;
    }
    this.flush();
    if (line.time < this.#since) {
      this.skipped += 1;
      this.#dropping = true;
      return true;
    }
    this.#dropping = false;
    this.#pending = true;
    this.#keeping = true;
    this.#time = line.time;
    this.#level = line.level;
    this.#length = bytes.copy(this.#message, 0, line.start, end);
    return true;
  }

  /** A whole message, as csvlog and jsonlog have it; false when it is older than `since`. */
  record(level: Level, time: number, text: Buffer, length: number): boolean {
    this.flush();
    if (time < this.#since) {
      this.skipped += 1;
      return false;
    }
    [this.#pending, this.#time, this.#level] = [true, time, level];
    this.#length = text.copy(this.#message, 0, 0, Math.min(length, longestMessage));
    this.flush();
    return true;
  }

  /** Closes the message that is open. */
  flush(): void {
    if (!this.#pending) return;
    this.#pending = false;
    this.records += 1;
    this.levels[this.#level] += 1;
    const time = this.#time;
    if (!(time >= this.firstTime)) this.firstTime = time;
    if (!(time <= this.lastTime)) this.lastTime = time;
    const [message, length] = [this.#message, this.#length];
    if (this.#level === 'info') {
      if (this.#whole) this.#logged(message, length);
    } else if (this.#level !== 'debug') {
      const stop = message.indexOf(newline);
      const end = stop > 0 && stop < length ? stop : length;
      if (startsWith(message, 0, length, 'deadlock detected')) this.counts.deadlocks += 1;
      this.#templates.add(this.#level, message, 0, end, time);
    }
  }

  #goOn(bytes: Buffer, start: number, end: number): boolean {
    if (!this.#pending) return this.#dropping;
    if (!this.#keeping || this.#length + 1 + end - start > longestMessage) return true;
    this.#message[this.#length] = newline;
    this.#length += 1 + bytes.copy(this.#message, this.#length + 1, start, end);
    return true;
  }

  #logged(message: Buffer, length: number): void {
    const { counts } = this;
    if (startsWith(message, 0, length, 'duration: ')) this.#duration(message, length);
    else if (startsWith(message, 0, length, 'connection authorized')) counts.connections += 1;
    else if (startsWith(message, 0, length, 'replication connection authorized')) counts.connections += 1;
    else if (startsWith(message, 0, length, 'disconnection: ')) this.#disconnection(message, length);
    else if (startsWith(message, 0, length, 'temporary file: ')) this.#temporaryFile(message, length);
    else if (startsWith(message, 0, length, 'checkpoint ')) this.#checkpoint(message, 11, length);
    else if (startsWith(message, 0, length, 'restartpoint ')) this.#checkpoint(message, 13, length);
    else if (startsWith(message, 0, length, 'automatic vacuum')) counts.autovacuums += 1;
    else if (startsWith(message, 0, length, 'process ') && within(message, length, ' still waiting for ') > 0) {
      counts.lockWaits += 1;
    }
  }

  /**
   * `duration: 1.234 ms  statement: SELECT …`, `… execute name: …`, `… plan:` of auto_explain, or without all that (`log_duration`);
   * `parse` and `bind` are steps of the same.
   */
  #duration(message: Buffer, length: number): void {
    const milliseconds = this.#numbers.read(message, 10, length);
    if (Number.isNaN(milliseconds)) return;
    const kind = this.#numbers.end + 5;
    const time = this.#time;
    if (kind > length) {
      this.statements.add(notLogged, 0, notLogged.length, milliseconds, time);
    } else if (startsWith(message, kind, length, 'plan:')) {
      const start = within(message, length, 'Query Text: ');
      if (start > 0) this.plans.add(message, start + 12, planAt(message, start, length), milliseconds, time);
    } else {
      const isStatement = startsWith(message, kind, length, 'statement: ');
      if (!isStatement && !startsWith(message, kind, length, 'execute ')) return;
      const colon = isStatement ? kind + 9 : message.indexOf(58, kind + 8);
      if (colon >= 0 && colon + 2 < length) this.statements.add(message, colon + 2, length, milliseconds, time);
    }
  }

  /** `disconnection: session time: 0:00:01.234 user=…` */
  #disconnection(message: Buffer, length: number): void {
    this.counts.disconnections += 1;
    const match = /session time: (\d+):(\d\d):(\d\d(?:\.\d+)?)/.exec(
      message.toString('latin1', 0, Math.min(length, 200)),
    );
    if (match === null) return;
    this.sessionSeconds.add(Number(match[1]) * 3600 + Number(match[2]) * 60 + Number(match[3]));
  }

  /** `temporary file: path "…", size 1234` */
  #temporaryFile(message: Buffer, length: number): void {
    this.counts.temporaryFiles += 1;
    const at = within(message, length, ', size ');
    const size = at < 0 ? Number.NaN : this.#numbers.read(message, at + 7, length);
    if (!Number.isNaN(size)) this.counts.temporaryBytes += size;
  }

  #checkpoint(message: Buffer, at: number, length: number): void {
    if (startsWith(message, at, length, 'starting')) {
      if (within(message, length, ' time') > 0) this.counts.checkpointsTimed += 1;
      return;
    }
    if (!startsWith(message, at, length, 'complete')) return;
    this.counts.checkpoints += 1;
    const total = within(message, length, 'total=');
    const seconds = total < 0 ? Number.NaN : this.#numbers.read(message, total + 6, length);
    if (!Number.isNaN(seconds)) this.checkpointSeconds.add(seconds);
  }
}

const notLogged = Buffer.from('(not logged)');

/** Where the text of the statement ends, whose plan or parameters follow on lines of their own. */
function planAt(message: Buffer, start: number, length: number): number {
  const parameters = within(message, length, 'Query Parameters: ');
  const cost = within(message, length, '  (cost=');
  const at = parameters > start ? parameters : cost > start ? message.lastIndexOf(newline, cost) : length;
  return at < start ? length : at;
}

/** Where `text` begins in the message; -1 = nowhere. */
function within(message: Buffer, length: number, text: string): number {
  const at = message.indexOf(text, 0, 'latin1');
  return at + text.length > length ? -1 : at;
}
