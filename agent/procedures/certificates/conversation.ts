/** A connection before TLS: what is said to the server, and what it answers, within bounds whatever it sends. */
import type { Socket } from 'node:net';
import { codeOf } from '../../thrown.ts';
import { plain } from './names.ts';

/** The server does not start TLS; `message` goes on after `Nothing could be seen at ENDPOINT: `. */
export class StartTlsError extends Error {
  override readonly name = 'StartTlsError';
  /** What to do; null = see to it that it answers. */
  readonly advice: string | null;

  constructor(message: string, advice: string | null = null) {
    super(message);
    this.advice = advice;
  }
}

/** It went without a word in its own protocol, as a server does that waits for TLS. */
export class Wordless extends StartTlsError {}

/** Speaks until the server consents to TLS; StartTlsError when it does not. */
export type Dialogue = (talk: Conversation) => Promise<void>;

const bounds = {
  /** More than any dialogue before TLS needs, bytes. */
  total: 65_536,
  /** More than any line, message or tag of one has, bytes. */
  unread: 16_384,
  /** Of what the server said in its own words, characters. */
  quoted: 120,
} as const;

export class Conversation {
  /** Name that the server is asked for. */
  readonly name: string;
  readonly #socket: Socket;
  #buffer = Buffer.alloc(0);
  #total = 0;
  #error: Error | null = null;
  #wake: (() => void) | null = null;

  /** `socket` is connected. Every wait ends when it closes or fails, so whoever limits the time destroys it. */
  constructor(socket: Socket, name: string) {
    this.name = name;
    this.#socket = socket;
    socket.on('data', this.#onData).on('error', this.#onError).on('close', this.#onClose);
  }

  /** Not one byte has come. */
  get silent(): boolean {
    return this.#total === 0;
  }

  get empty(): boolean {
    return this.#buffer.length === 0;
  }

  /** What came and makes no whole, as it may be quoted; empty for what is no text. */
  get unread(): string {
    const text = this.#buffer
      .subarray(0, bounds.quoted * 4)
      .toString('utf8')
      .trim();
    return /[^\P{Cc}\r\n\t]|\ufffd./u.test(text) ? '' : text;
  }

  /** Stops reading, so that TLS gets what follows. */
  release(): void {
    this.#socket.pause();
    this.#socket.off('data', this.#onData).off('error', this.#onError).off('close', this.#onClose);
  }

  say(words: string | Buffer): void {
    this.#socket.write(words);
  }

  /** Next line without its end. */
  async line(): Promise<string> {
    return (await this.take((buffer) => buffer.indexOf('\n') + 1)).toString('utf8').trimEnd();
  }

  async bytes(count: number): Promise<Buffer> {
    if (count === 0) return Buffer.alloc(0);
    if (count > bounds.unread) throw endless();
    return this.take((buffer) => (buffer.length >= count ? count : 0));
  }

  /** Takes as many bytes as `found` says that make a whole; 0 = not yet. */
  async take(found: (buffer: Buffer) => number): Promise<Buffer> {
    for (;;) {
      const end = found(this.#buffer);
      if (end > 0) {
        const taken = this.#buffer.subarray(0, end);
        this.#buffer = this.#buffer.subarray(end);
        return taken;
      }
      if (this.#error === null && this.#buffer.length > bounds.unread) this.#cut(endless());
      if (this.#error !== null) throw this.#error;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#total += chunk.length;
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    if (this.#total === this.#buffer.length && isAlert(this.#buffer)) {
      this.#error ??= new Wordless('it answers by an alert of TLS');
      // No dialogue makes anything of it.
      this.#buffer = Buffer.alloc(0);
    }
    if (this.#total > bounds.total) this.#cut(endless());
    this.#wake?.();
  };

  readonly #onError = (error: Error): void => {
    this.#error ??= ['ECONNRESET', 'EPIPE'].includes(codeOf(error)) ? this.#closed() : error;
    this.#wake?.();
  };

  readonly #onClose = (): void => {
    this.#error ??= this.#closed();
    this.#wake?.();
  };

  #cut(error: StartTlsError): void {
    this.#error ??= error;
    this.#socket.destroy();
  }

  #closed(): StartTlsError {
    const message = saying('it closes the connection before TLS starts', this.unread);
    return this.silent ? new Wordless(message) : new StartTlsError(message);
  }
}

/** `what`, with the server's own words when there are any. */
export function saying(what: string, words: string, link = ' and says'): string {
  return words === '' ? what : `${what}${link} “${quotable(words)}”`;
}

/** `words`, as much as anybody wants to read, without what a terminal would not show. */
function quotable(words: string): string {
  const characters = Array.from(plain(words.replace(/\s+/g, ' ')).slice(0, bounds.quoted * 2));
  return characters.length <= bounds.quoted ? characters.join('') : `${characters.slice(0, bounds.quoted).join('')}…`;
}

function endless(): StartTlsError {
  return new StartTlsError('it talks on and on instead of starting TLS');
}

/** Head of a record of the kind `alert` (RFC 8446, 5.1): how TLS answers what it does not understand. */
function isAlert(bytes: Buffer): boolean {
  const [kind, major, minor = 0] = bytes;
  return kind === 0x15 && major === 0x03 && minor >= 1 && minor <= 4;
}
