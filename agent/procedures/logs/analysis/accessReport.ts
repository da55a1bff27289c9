/** What an access log comes to: a cheap scan for errors, or the whole picture of the requests. */
import type { RequestTime } from '../../../config/logs.ts';
import { AccessLine } from './accessLine.ts';
import { ByteCounter } from './byteCounter.ts';
import { hashBytes, newline, quote, sampledHash, space } from './bytes.ts';
import { levelOfStatus } from './levels.ts';
import type { Level } from './levels.ts';
import { PerMinute } from './perMinute.ts';
import { Requests } from './requests.ts';
import { WholeDurations } from './wholeDurations.ts';

const clientRoom = 65_536;
const pathRoom = 32_768;
const agentRoom = 4096;

export class AccessReport {
  /** Requests by status. */
  readonly statuses = new Float64Array(1000);
  readonly requests: Requests;
  readonly wholeDurations: WholeDurations;
  /** Requests that ended with 4xx or 5xx, by status and request. */
  readonly failures = new ByteCounter(16_384);
  readonly perMinute = new PerMinute();
  clients: ByteCounter | null = null;
  paths: ByteCounter | null = null;
  agents: ByteCounter | null = null;
  bytes = 0;
  records = 0;
  combined = 0;
  /** Left out as they are older than `since`. */
  skipped = 0;
  firstTime = Number.NaN;
  lastTime = Number.NaN;
  readonly #line = new AccessLine();
  readonly #whole: boolean;
  readonly #since: number;
  /** Of the line that `#answerAt` looked at. */
  #bracket = -1;
  /** `10/Oct/2000:` of the line that was read last: others of that day need no second look. */
  readonly #date = Buffer.alloc(12);

  /** `whole`: count clients, paths and so on, not failures alone. `since`: milliseconds since the epoch, or -Infinity. */
  constructor(given: {
    readonly whole: boolean;
    readonly since: number;
    readonly slowest: number;
    readonly requestTime: RequestTime;
  }) {
    this.#whole = given.whole;
    this.#since = given.since;
    this.requests = new Requests(given.slowest);
    this.wholeDurations = new WholeDurations(given.requestTime);
  }

  /** Takes lines from `start` on; returns where the first one begins that is no access line, or `end`. */
  consume(bytes: Buffer, start: number, end: number): number {
    return this.#whole || this.#since !== Number.NEGATIVE_INFINITY
      ? this.#consumeWhole(bytes, start, end)
      : this.#consumeFailures(bytes, start, end);
  }

  /** The records of each level. */
  levels(): Record<Level, number> {
    const counts: Record<Level, number> = { fatal: 0, error: 0, warning: 0, info: 0, debug: 0 };
    for (const [status, count] of this.statuses.entries()) counts[levelOfStatus(status)] += count;
    return counts;
  }

  #consumeWhole(bytes: Buffer, start: number, end: number): number {
    const line = this.#line;
    for (let at = start; at < end; at = line.end + 1) {
      if (!line.parse(bytes, at, end)) return at;
      if (line.time < this.#since) {
        this.skipped += 1;
        continue;
      }
      this.records += 1;
      if (line.combined) this.combined += 1;
      this.statuses[line.status] = (this.statuses[line.status] ?? 0) + 1;
      this.#seenAt(line.time);
      if (line.status >= 400) this.#failed(bytes, line);
      if (this.#whole) this.#add(bytes, line);
    }
    return end;
  }

  #seenAt(time: number): void {
    if (Number.isNaN(time)) return;
    if (!(time >= this.firstTime)) this.firstTime = time;
    if (!(time <= this.lastTime)) this.lastTime = time;
  }

  #add(bytes: Buffer, line: AccessLine): void {
    const clients = (this.clients ??= new ByteCounter(clientRoom, clientRoom * 32));
    const paths = (this.paths ??= new ByteCounter(pathRoom));
    this.bytes += line.bytes;
    this.perMinute.add(line.time);
    const client = clients.find(bytes, line.clientStart, line.clientEnd, line.clientHash);
    clients.counts[client] = (clients.counts[client] ?? 0) + 1;
    clients.sums[client] = (clients.sums[client] ?? 0) + line.bytes;
    const path = paths.find(bytes, line.requestStart, line.requestEnd, line.requestHash);
    if (paths.isNew) paths.tags[path] = this.requests.routeOf(paths.text(path));
    paths.counts[path] = (paths.counts[path] ?? 0) + 1;
    paths.sums[path] = (paths.sums[path] ?? 0) + line.bytes;
    const route = paths.tags[path] ?? 0;
    this.requests.add(route, line.status, line.bytes);
    let { seconds } = line;
    if (Number.isNaN(seconds) && !Number.isNaN(line.whole)) seconds = this.wholeDurations.take(line.whole);
    if (!Number.isNaN(seconds)) this.requests.took(route, seconds, line.time, () => paths.text(path));
    if (!line.combined) return;
    const agents = (this.agents ??= new ByteCounter(agentRoom, agentRoom * 160));
    const agent = agents.find(bytes, line.agentStart, line.agentEnd, line.agentHash);
    agents.counts[agent] = (agents.counts[agent] ?? 0) + 1;
  }

  /**
   * A request that a record of another format tells of; records, statuses and levels are the caller's. `time` may be NaN. `failing`:
   * it is a failure when its status says so.
   */
  addRequest(request: TextRequest, time: number, failing: boolean): void {
    const { text, status, bytes, seconds } = request;
    const name = Buffer.from(text);
    if (failing && status >= 400) this.#failure(name, 0, name.length, hashBytes(name, 0, name.length), status, time);
    if (!this.#whole) return;
    this.bytes += bytes;
    if (!Number.isNaN(time)) this.perMinute.add(time);
    const route = this.requests.routeOf(text);
    this.requests.add(route, status, bytes);
    if (!Number.isNaN(seconds)) this.requests.took(route, seconds, time, () => text);
    countText((this.paths ??= new ByteCounter(pathRoom)), name, bytes, hashBytes);
    if (request.client !== null) {
      const client = Buffer.from(request.client);
      countText((this.clients ??= new ByteCounter(clientRoom, clientRoom * 32)), client, bytes, hashBytes);
    }
    if (request.agent === null) return;
    countText(
      (this.agents ??= new ByteCounter(agentRoom, agentRoom * 160)),
      Buffer.from(request.agent),
      0,
      sampledHash,
    );
  }

  #failure(bytes: Buffer, start: number, end: number, hash: number, status: number, time: number): void {
    const { failures } = this;
    const index = failures.find(bytes, start, end, hash, status);
    failures.counts[index] = (failures.counts[index] ?? 0) + 1;
    if (Number.isNaN(time)) return;
    if (!(time >= (failures.first[index] ?? 0))) failures.first[index] = time;
    if (!(time <= (failures.last[index] ?? 0))) failures.last[index] = time;
  }

  #failed(bytes: Buffer, { requestStart, requestEnd, requestHash, status, time }: AccessLine): void {
    this.#failure(bytes, requestStart, requestEnd, requestHash, status, time);
  }

  /**
   * Of each line the status alone; time and request where it is an error. A line that does not look as expected at once is
   * read field by field.
   */
  #consumeFailures(bytes: Buffer, start: number, end: number): number {
    const { statuses } = this;
    const line = this.#line;
    let bracket = -1;
    for (let at = start; at < end; this.records += 1) {
      const answer = this.#answerAt(bytes, at);
      const status = answer < 0 || !this.#isSameDay(bytes) ? 0 : statusAt(bytes, answer);
      if (status > 0) {
        const stop = bytes.indexOf(newline, answer);
        const kind = endingOf(bytes, answer + 5, stop);
        if (kind !== null && (status < 400 || line.momentAt(bytes, this.#bracket, end))) {
          statuses[status] = (statuses[status] ?? 0) + 1;
          if (kind === 'combined') this.combined += 1;
          bracket = this.#bracket;
          if (status >= 400) {
            line.status = status;
            this.#failed(bytes, line);
          }
          at = stop + 1;
          continue;
        }
      }
      if (!line.parse(bytes, at, end)) {
        this.#noteTime(bytes, bracket, end);
        return at;
      }
      statuses[line.status] = (statuses[line.status] ?? 0) + 1;
      if (line.status >= 400) this.#failed(bytes, line);
      if (line.combined) this.combined += 1;
      this.#seenAt(line.time);
      if (answer > 0) bytes.copy(this.#date, 0, this.#bracket + 1, this.#bracket + 13);
      at = line.end + 1;
    }
    this.#noteTime(bytes, bracket, end);
    return end;
  }

  /** Where the blank before the status is; -1 when the line is no plain access line. */
  #answerAt(bytes: Buffer, start: number): number {
    let at = start;
    let byte = bytes[at] ?? newline;
    if (byte <= space) return -1;
    while (byte !== openBracket && byte !== newline) byte = bytes[++at] ?? newline;
    // `[10/Oct/2000:13:55:36 -0700] "`
    if (byte === newline || bytes[at - 1] !== space || bytes[at + 27] !== 93 || bytes[at + 29] !== quote) return -1;
    if (bytes[at + 28] !== space) return -1;
    this.#bracket = at;
    at += 30;
    byte = bytes[at] ?? newline;
    while (byte !== quote && byte !== newline) byte = bytes[++at] ?? newline;
    return byte === newline || bytes[at - 1] === 92 ? -1 : at + 1;
  }

  #isSameDay(bytes: Buffer): boolean {
    const date = this.#date;
    for (let index = 0, at = this.#bracket + 1; index < 12; index += 1, at += 1)
      if (date[index] !== bytes[at]) return false;
    return true;
  }

  /** Of the last line that was only glanced at. */
  #noteTime(bytes: Buffer, bracket: number, end: number): void {
    if (bracket >= 0) this.#seenAt(this.#line.timeAt(bytes, bracket, end));
  }
}

/** A request as text, of a record in JSON. */
export interface TextRequest {
  /** `GET /path`, without a query. */
  readonly text: string;
  readonly status: number;
  readonly bytes: number;
  /** NaN = not told. */
  readonly seconds: number;
  readonly client: string | null;
  readonly agent: string | null;
}

/** `hash`: that of the other keys of this counter. */
function countText(counter: ByteCounter, text: Buffer, bytes: number, hash: typeof sampledHash): void {
  const index = counter.find(text, 0, text.length, hash(text, 0, text.length));
  counter.counts[index] = (counter.counts[index] ?? 0) + 1;
  counter.sums[index] = (counter.sums[index] ?? 0) + bytes;
}

const openBracket = 91;

/** ` 200 2326` → 200; 0 when there is something else. */
function statusAt(bytes: Buffer, at: number): number {
  const hundreds = (bytes[at + 1] ?? 0) - 48;
  const tens = (bytes[at + 2] ?? 0) - 48;
  const ones = (bytes[at + 3] ?? 0) - 48;
  if (bytes[at] !== space || bytes[at + 4] !== space || hundreds < 1 || hundreds > 5) return 0;
  if (tens < 0 || tens > 9 || ones < 0 || ones > 9) return 0;
  const size = bytes[at + 5] ?? 0;
  return size === 45 || (size >= 48 && size <= 57) ? hundreds * 100 + tens * 10 + ones : 0;
}

/**
 * From the number of bytes at `at` to the line feed at `stop`: nothing more (`common`), referrer and agent in quotes (`combined`),
 * or what needs a closer look (null).
 */
function endingOf(bytes: Buffer, at: number, stop: number): 'common' | 'combined' | null {
  let position = at;
  while ((bytes[position] ?? 0) > space) position += 1;
  if (position === stop) return 'common';
  if (bytes[position] !== space || bytes[position + 1] !== quote) return null;
  position += 2;
  while (position < stop && bytes[position] !== quote) position += 1;
  if (bytes[position - 1] === 92 || bytes[position + 1] !== space || bytes[position + 2] !== quote) return null;
  return bytes[stop - 1] === quote && bytes[stop - 2] !== 92 && stop - 1 > position + 2 ? 'combined' : null;
}
