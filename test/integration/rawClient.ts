/** A client that keeps to no rule: bytes to an agent's TCP port, frames made by hand, and what came back. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface RawOptions {
  /** Address that the connection comes from; any of 127.0.0.0/8 will do. */
  readonly from?: string;
}

export class RawClient {
  readonly socket: Socket;
  /** Resolves when the agent has closed the connection. */
  readonly closed: Promise<void>;
  #received = Buffer.alloc(0);
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.closed = promise;
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      // Enough for the answer to a handshake and a close frame; the rest is only read.
      if (this.#received.length < 65_536) this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    socket.once('close', () => {
      resolve(undefined);
      this.#wake();
    });
  }

  static async open(listen: string, { from = '127.0.0.1' }: RawOptions = {}): Promise<RawClient> {
    const [host = '', port = ''] = listen.split(':');
    const socket = connect({ host, port: Number(port), localAddress: from });
    const client = new RawClient(socket);
    await once(socket, 'connect');
    socket.setNoDelay(true);
    return client;
  }

  /** A connection that was upgraded with this token. Rejects with the answer when it was not. */
  static async upgraded(listen: string, token: string, options: RawOptions = {}): Promise<RawClient> {
    const client = await RawClient.open(listen, options);
    const status = await client.upgrade(token);
    if (status !== 101) throw new Error(`the upgrade was answered with ${status}`);
    return client;
  }

  /** Status of the answer to an upgrade; without token when that is null. */
  async upgrade(token: string | null): Promise<number> {
    this.socket.write(upgradeRequest(token));
    return this.status();
  }

  /** Status line of the first answer; NaN when the connection closed without one. */
  async status(): Promise<number> {
    await this.until(() => this.#received.includes('\r\n\r\n'));
    const end = this.#received.indexOf('\r\n\r\n');
    const status = Number(
      /^HTTP\/1\.1 (\d{3}) /.exec(this.#received.subarray(0, Math.max(0, end)).toString('latin1'))?.[1],
    );
    this.#received = this.#received.subarray(end + 4);
    return status;
  }

  /** Waits until it holds, looking again whenever bytes came or the connection closed; then it need not hold. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds() && !this.socket.closed) {
      const { promise, resolve } = Promise.withResolvers<undefined>();
      this.#wake = () => {
        resolve(undefined);
      };
      await promise;
    }
  }

  /** Resolves once the kernel has taken the bytes, or the connection is closed. */
  async write(bytes: Buffer | string): Promise<void> {
    if (this.socket.closed || this.socket.write(bytes)) return;
    await Promise.race([once(this.socket, 'drain').catch(() => undefined), this.closed]);
  }

  /** The code of the agent's close frame, which this client does not answer; 1006 when there came none. */
  async closeCode(): Promise<number> {
    await this.until(() => closeCodeIn(this.#received) !== 1006);
    this.end();
    return closeCodeIn(this.#received);
  }

  end(): void {
    this.socket.destroy();
  }
}

export function upgradeRequest(token: string | null): string {
  const login = token === null ? '' : `Authorization: Bearer ${token}\r\n`;
  return (
    'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n${login}\r\n`
  );
}

export interface FrameOptions {
  /** The first byte: FIN, RSV and opcode (RFC 6455 §5.2). */
  readonly first?: number;
  /** The length that the header tells, when it is not the payload's. */
  readonly told?: number;
  readonly masked?: boolean;
}

export const opcode = { continuation: 0x00, text: 0x81, textStart: 0x01, binary: 0x82, ping: 0x89 } as const;

/** A client's frame; the mask is zero, so that the payload goes as it is. */
export function frame(payload: Buffer | string, options: FrameOptions = {}): Buffer {
  const data = Buffer.from(payload);
  const { first = opcode.text, told = data.length, masked = true } = options;
  const mask = masked ? 0x80 : 0;
  const header =
    told < 126
      ? Buffer.from([first, mask | told])
      : told < 65_536
        ? Buffer.from([first, mask | 126, told >> 8, told & 255])
        : Buffer.concat([Buffer.from([first, mask | 127]), eightBytes(told)]);
  return Buffer.concat([header, Buffer.alloc(masked ? 4 : 0), data]);
}

function eightBytes(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

/** Walks the agent's frames (RFC 6455 §5.2) to its close frame. */
function closeCodeIn(received: Buffer): number {
  for (let at = 0; at + 2 <= received.length;) {
    const short = (received[at + 1] ?? 0) & 0x7f;
    const header = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (at + header > received.length) break;
    const length =
      short === 126 ? received.readUInt16BE(at + 2) : short === 127 ? Number(received.readBigUInt64BE(at + 2)) : short;
    if (((received[at] ?? 0) & 0x0f) === 8 && at + header + 2 <= received.length)
      return received.readUInt16BE(at + header);
    at += header + length;
  }
  return 1006;
}
