/** Carries JSON-RPC messages over a WebSocket, one message a text frame. Both ends use it. */
import {
  AbstractMessageReader,
  AbstractMessageWriter,
  type DataCallback,
  type Disposable,
  type Message,
  type MessageReader,
  type MessageWriter,
} from 'vscode-jsonrpc/node';
import type { RawData, WebSocket } from 'ws';
import { giveBuffer, takeBuffer } from '../bufferPool.ts';
import { closeCodes } from '../protocol/errors.ts';

/** Shorter messages are not worth a buffer of their own. */
const largeMessage = 32 * 1024;

export class WebSocketReader extends AbstractMessageReader implements MessageReader {
  readonly #socket: WebSocket;
  readonly #accept: (text: string) => Message | null;

  /** `accept` turns a frame into the message to deliver, or answers it itself and returns null. */
  constructor(socket: WebSocket, accept: (text: string) => Message | null) {
    super();
    this.#socket = socket;
    this.#accept = accept;
  }

  listen(callback: DataCallback): Disposable {
    const onMessage = (data: RawData, isBinary: boolean): void => {
      if (this.#socket.readyState !== this.#socket.OPEN) return;
      if (isBinary) {
        this.#socket.close(closeCodes.unsupportedData, 'text frames only');
        return;
      }
      const message = this.#accept(textOf(data));
      if (message !== null) callback(message);
    };
    const onClose = (): void => {
      this.fireClose();
    };
    this.#socket.on('message', onMessage).on('close', onClose);
    return {
      dispose: () => {
        this.#socket.off('message', onMessage).off('close', onClose);
      },
    };
  }
}

/** A message of which a large part is UTF-8 already; the bytes are copied at once. */
export interface EncodedMessage {
  readonly head: string;
  readonly body: Buffer;
  readonly tail: string;
}

export class WebSocketWriter extends AbstractMessageWriter implements MessageWriter {
  readonly #socket: WebSocket;
  readonly #encode: (message: Message) => string | EncodedMessage;
  readonly #flushed: () => void;

  /** `flushed` is called whenever a message has left for the kernel, so that `bufferedAmount` may have fallen. */
  constructor(
    socket: WebSocket,
    encode: (message: Message) => string | EncodedMessage,
    flushed: () => void = () => undefined,
  ) {
    super();
    this.#socket = socket;
    this.#encode = encode;
    this.#flushed = flushed;
  }

  /** Never rejects: a message to a socket that has closed is dropped, its reader learns of the close. */
  write(message: Message): Promise<void> {
    if (this.#socket.readyState === this.#socket.OPEN) this.#send(this.#encode(message));
    return Promise.resolve();
  }

  #send(message: string | EncodedMessage): void {
    if (typeof message === 'string' && message.length < largeMessage) {
      this.#socket.send(message, this.#flushed);
      return;
    }
    const bytes = typeof message === 'string' ? bytesOf(message) : joined(message);
    this.#socket.send(bytes, { binary: false }, () => {
      giveBuffer(bytes);
      this.#flushed();
    });
  }

  end(): void {
    this.#socket.close(closeCodes.normal);
  }
}

function bytesOf(text: string): Buffer {
  const bytes = takeBuffer(Buffer.byteLength(text));
  bytes.write(text);
  return bytes;
}

function joined({ head, body, tail }: EncodedMessage): Buffer {
  const [before, after] = [Buffer.from(head), Buffer.from(tail)];
  const bytes = takeBuffer(before.length + body.length + after.length);
  before.copy(bytes);
  body.copy(bytes, before.length);
  after.copy(bytes, before.length + body.length);
  return bytes;
}

function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString('utf8');
  return (data instanceof ArrayBuffer ? Buffer.from(data) : data).toString('utf8');
}
