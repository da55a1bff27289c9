/**
 * Brings a connection that begins in the clear to the point where TLS may start. What a server sends beyond its consent is
 * refused: it would be read as if it had come protected (CVE-2011-0411, CVE-2021-23214).
 */
import type { Socket } from 'node:net';
import type { StartTls } from '../../config/certificates.ts';
import { derChildren, derTag, readDer } from './der.ts';
import { plain } from './names.ts';

/** The server does not start TLS; `message` goes on after `Nothing could be seen at ENDPOINT: `. */
export class StartTlsError extends Error {
  override readonly name = 'StartTlsError';
}

/** `socket` is connected. Ends when it closes or fails, so whoever limits the time destroys it. */
export async function startTls(socket: Socket, protocol: StartTls): Promise<void> {
  const received = new Received(socket);
  try {
    await dialogues[protocol](socket, received);
    if (!received.empty) throw new StartTlsError('it sends more than its consent to TLS, as an intruder would');
  } finally {
    received.release();
  }
}

const dialogues: Readonly<Record<StartTls, (socket: Socket, received: Received) => Promise<void>>> = {
  smtp: async (socket, received) => {
    await smtpReply(received, '220');
    socket.write('EHLO localhost\r\n');
    const offered = await smtpReply(received, '250');
    if (!offered.some((line) => /^250[- ]STARTTLS\b/i.test(line))) throw refused('it offers no STARTTLS');
    socket.write('STARTTLS\r\n');
    await smtpReply(received, '220');
  },
  imap: async (socket, received) => {
    const greeting = await received.line();
    if (!/^\* (OK|PREAUTH)\b/i.test(greeting)) throw refused('it does not speak IMAP', greeting);
    socket.write('a1 STARTTLS\r\n');
    let line = await received.line();
    while (line.startsWith('* ')) line = await received.line();
    if (!/^a1 OK\b/i.test(line)) throw refused('it refuses STARTTLS', line);
  },
  // SSLRequest: https://www.postgresql.org/docs/current/protocol-message-formats.html
  postgres: async (socket, received) => {
    const request = Buffer.alloc(8);
    request.writeInt32BE(8, 0);
    request.writeInt32BE(80_877_103, 4);
    socket.write(request);
    const answer = (await received.bytes(1)).toString('latin1');
    if (answer === 'N') throw refused('the server has TLS switched off (ssl = off)');
    if (answer !== 'S') throw refused('it does not speak the PostgreSQL protocol');
  },
  // ExtendedRequest with the name of StartTLS: RFC 4511, 4.12 and 4.14
  ldap: async (socket, received) => {
    const name = Buffer.from('1.3.6.1.4.1.1466.20037');
    socket.write(
      Buffer.from([0x30, 7 + name.length, 0x02, 0x01, 0x01, 0x77, 2 + name.length, 0x80, name.length, ...name]),
    );
    const response = derChildren(readDer(await received.derMessage()))[1];
    if (response?.tag !== 0x78) throw refused('it does not speak LDAP');
    const code = derChildren(response)[0];
    if (code?.tag !== derTag.enumerated || code.content[0] !== 0) {
      throw refused(`it refuses StartTLS (result code ${code?.content[0] ?? 'missing'})`);
    }
  },
};

async function smtpReply(received: Received, code: string): Promise<string[]> {
  const lines: string[] = [];
  for (;;) {
    const line = await received.line();
    lines.push(line);
    if (!line.startsWith(code)) throw refused(`it does not answer ${code}`, line);
    if (line[3] !== '-') return lines;
  }
}

function refused(what: string, line?: string): StartTlsError {
  return new StartTlsError(line === undefined ? what : `${what} but says “${plain(line.slice(0, 80))}”`);
}

/** More than any dialogue before TLS needs. */
const mostBytes = 65_536;

/** What the peer sent and nobody has read yet. */
class Received {
  readonly #socket: Socket;
  #buffer = Buffer.alloc(0);
  #total = 0;
  #error: Error | null = null;
  #wake: (() => void) | null = null;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', this.#onData).on('error', this.#onError).on('close', this.#onClose);
  }

  get empty(): boolean {
    return this.#buffer.length === 0;
  }

  /** Stops reading, so that TLS gets what follows. */
  release(): void {
    this.#socket.pause();
    this.#socket.off('data', this.#onData).off('error', this.#onError).off('close', this.#onClose);
  }

  /** Next line without its end. */
  async line(): Promise<string> {
    const end = await this.#until((buffer) => buffer.indexOf('\n') + 1);
    return this.#take(end).toString('utf8').trimEnd();
  }

  async bytes(count: number): Promise<Buffer> {
    return this.#take(await this.#until((buffer) => (buffer.length >= count ? count : 0)));
  }

  /** Next complete DER value, with its header. */
  async derMessage(): Promise<Buffer> {
    return this.#take(
      await this.#until((buffer) => {
        const value = readDer(buffer);
        return value === undefined ? 0 : value.content.byteOffset - buffer.byteOffset + value.content.length;
      }),
    );
  }

  async #until(found: (buffer: Buffer) => number): Promise<number> {
    for (;;) {
      const end = found(this.#buffer);
      if (end > 0) return end;
      if (this.#error !== null) throw this.#error;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #take(count: number): Buffer {
    const taken = this.#buffer.subarray(0, count);
    this.#buffer = this.#buffer.subarray(count);
    return taken;
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#total += chunk.length;
    if (this.#total > mostBytes) this.#error = new StartTlsError('it talks on and on instead of starting TLS');
    else this.#buffer = Buffer.concat([this.#buffer, chunk]);
    this.#wake?.();
  };

  readonly #onError = (error: Error): void => {
    this.#error ??= error;
    this.#wake?.();
  };

  readonly #onClose = (): void => {
    this.#error ??= new StartTlsError('it closes the connection before TLS starts');
    this.#wake?.();
  };
}
