/**
 * Keeps the lines of one record together: a line that begins a record, and those that go on with it, as stack traces of Python
 * and Java do. What a record says is known only when the next one begins.
 */
import { startsWith } from './bytes.ts';
import { isCrash, isGoStack, isRustPanic, isUncaught } from './crash.ts';
import { guessLevel } from './levels.ts';
import type { Level } from './levels.ts';

export interface AssembledRecord {
  readonly format: string;
  readonly level: Level;
  readonly time: number;
  /** Bytes of what it says, without time and level; valid until the next record. */
  readonly message: Buffer;
  readonly length: number;
  readonly lines: number;
}

export interface Head {
  readonly format: string;
  /** NaN = the line shows none. */
  readonly time: number;
  /** null = guess it from the text. */
  readonly level: Level | null;
  /** Any line that begins no record goes on with this one, not only what is indented or part of a stack trace. */
  readonly open: boolean;
}

const room = 2048;

export class Assembler {
  readonly #done: (record: AssembledRecord) => void;
  readonly #message = Buffer.alloc(room + 512);
  #length = 0;
  #lines = 0;
  #head: Head | null = null;
  #level: Level = 'info';
  #explicit = false;
  #inTraceback = false;
  #afterTraceback = false;
  /** A line of Python says that a traceback comes. */
  #announced = false;
  /** Another traceback of the same failure is to come. */
  #chained = false;
  /** In an exception group of Python, whose name is to come. */
  #inGroup = false;
  #language: 'python' | 'java' | 'go' | 'rust' | null = null;
  /** What is wrong stands on the next line, which nothing marks as part of the record. */
  #awaitsReason = false;
  /** Last line of a stack trace that names an exception. */
  #exception = '';

  constructor(done: (record: AssembledRecord) => void) {
    this.#done = done;
  }

  /** Begins a record whose text is at `start`. */
  begin(head: Head, bytes: Buffer, start: number, end: number): void {
    this.flush();
    this.#head = head;
    this.#lines = 1;
    this.#length = bytes.copy(this.#message, 0, start, Math.min(end, start + room));
    const guessed = head.level === null ? guessLevel(bytes, start, end) : null;
    this.#level = head.level ?? guessed?.level ?? 'info';
    this.#explicit = guessed?.explicit ?? true;
    if (head.level === null) this.#noteCrash(bytes, start, end);
    this.#announced = isAnnouncement(bytes, start, end);
    this.#noteTrace(bytes, start, end);
  }

  /** Takes a line that begins no record; false when it does not belong to the record before either. */
  extend(bytes: Buffer, start: number, end: number): boolean {
    if (this.#head === null || !this.#belongs(bytes, start, end)) return false;
    this.#lines += 1;
    this.#noteTrace(bytes, start, end);
    return true;
  }

  flush(): void {
    const head = this.#head;
    if (head === null) return;
    this.#head = null;
    if (this.#exception !== '') this.#length += this.#message.write(` | ${this.#exception}`, this.#length, 300);
    const raised = this.#language === 'python' && !this.#explicit && this.#level === 'info';
    this.#done({
      format: head.format === 'plain' ? (this.#language ?? 'plain') : head.format,
      level: raised ? 'error' : this.#level,
      time: head.time,
      message: this.#message,
      length: this.#length,
      lines: this.#lines,
    });
    this.#inTraceback = this.#afterTraceback = this.#chained = this.#inGroup = this.#awaitsReason = false;
    this.#language = null;
    this.#exception = '';
  }

  #belongs(bytes: Buffer, start: number, end: number): boolean {
    if (start === end) return true;
    const first = bytes[start];
    if (first === 32 || first === 9 || this.#inTraceback) return true;
    if (startsWith(bytes, start, end, 'Caused by: ') || startsWith(bytes, start, end, 'Suppressed: ')) return true;
    if (this.#afterTraceback) {
      if (isChain(bytes, start, end)) return true;
      if (this.#chained && isTraceback(bytes, start, end)) return true;
    }
    // A second traceback without those words is that of another failure, and one behind what is called good news was not logged with it.
    if (isTraceback(bytes, start, end))
      return this.#language === null && ((this.#head?.open === true && !this.#isGoodNews) || this.#announced);
    if (isAnnouncement(bytes, start, end) || isCrash(bytes, start, end)) return false;
    if (this.#language === 'go' && isGoStack(bytes, start, end)) return true;
    if (this.#language === 'rust' && (this.#awaitsReason || isRustNote(bytes, start, end))) return true;
    if (this.#isGoodNews && isUncaught(bytes, start, end)) return false;
    return this.#head?.open === true && !guessLevel(bytes, start, Math.min(end, start + 40)).explicit;
  }

  /** It says itself that it is no more than an information. */
  get #isGoodNews(): boolean {
    return this.#explicit && this.#level === 'info';
  }

  #noteCrash(bytes: Buffer, start: number, end: number): void {
    if (!isCrash(bytes, start, end)) return;
    this.#level = 'fatal';
    this.#awaitsReason = isRustPanic(bytes, start, end);
    if (this.#awaitsReason) this.#language = 'rust';
    else if (startsWith(bytes, start, end, 'panic: ') || startsWith(bytes, start, end, 'fatal error: '))
      this.#language = 'go';
  }

  #noteTrace(bytes: Buffer, start: number, end: number): void {
    if (this.#awaitsReason && this.#lines > 1) {
      this.#awaitsReason = false;
      if (!isRustNote(bytes, start, end)) this.#exception = bytes.toString('utf8', start, Math.min(end, start + 250));
      return;
    }
    if (isTraceback(bytes, start, end)) {
      [this.#inTraceback, this.#language, this.#chained] = [true, 'python', false];
      return;
    }
    if (isChain(bytes, start, end)) this.#chained = true;
    if (startsWith(bytes, start, end, groupHead)) {
      [this.#inGroup, this.#language] = [true, 'python'];
      return;
    }
    if (this.#inGroup && startsWith(bytes, start, end, '  | ') && (bytes[start + 4] ?? 0) > 32) {
      this.#inGroup = false;
      this.#exception = bytes.toString('utf8', start + 4, Math.min(end, start + 254));
      return;
    }
    const first = bytes[start];
    if (this.#inTraceback) {
      if (first === 32 || first === 9 || start === end) return;
      this.#inTraceback = false;
      this.#afterTraceback = true;
      this.#exception = bytes.toString('utf8', start, Math.min(end, start + 250));
      return;
    }
    if (startsWith(bytes, start, end, 'Caused by: ')) {
      this.#language = 'java';
      this.#exception = bytes.toString('utf8', start, Math.min(end, start + 250));
    } else if (startsWith(bytes, start, end, '\tat ') || startsWith(bytes, start, end, '    at ')) {
      this.#language ??= 'java';
    }
  }
}

const groupHead = '  + Exception Group Traceback';

function isChain(bytes: Buffer, start: number, end: number): boolean {
  return (
    startsWith(bytes, start, end, 'During handling of the above') ||
    startsWith(bytes, start, end, 'The above exception was')
  );
}

function isAnnouncement(bytes: Buffer, start: number, end: number): boolean {
  return startsWith(bytes, start, end, 'Exception in thread ') || startsWith(bytes, start, end, 'Exception ignored in');
}

function isRustNote(bytes: Buffer, start: number, end: number): boolean {
  return startsWith(bytes, start, end, 'note: ') || startsWith(bytes, start, end, 'stack backtrace:');
}

function isTraceback(bytes: Buffer, start: number, end: number): boolean {
  return startsWith(bytes, start, end, 'Traceback (most recent call last)');
}
