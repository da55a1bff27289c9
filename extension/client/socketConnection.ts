/** JSON-RPC 2.0 over one WebSocket, one message per text frame (vscode-jsonrpc does the protocol). */
import {
  AbstractMessageReader,
  AbstractMessageWriter,
  createMessageConnection,
  type DataCallback,
  type Disposable,
  type Message,
  type MessageConnection,
  type MessageReader,
  type MessageWriter,
} from 'vscode-jsonrpc/node';
import type { WebSocket } from 'ws';
import { closeCodes } from '../../agent/protocol/errors.ts';

export function connectSocket(socket: WebSocket): MessageConnection {
  return createMessageConnection(new SocketReader(socket), new SocketWriter(socket));
}

class SocketReader extends AbstractMessageReader implements MessageReader {
  readonly #socket: WebSocket;

  constructor(socket: WebSocket) {
    super();
    this.#socket = socket;
  }

  listen(callback: DataCallback): Disposable {
    const onMessage = (data: Buffer, isBinary: boolean): void => {
      const message = isBinary ? null : parseMessage(data.toString('utf8'));
      if (message === null) this.#socket.close(closeCodes.unsupportedData, 'not a JSON-RPC text frame');
      else callback(message);
    };
    const onClose = (): void => {
      this.fireClose();
    };
    this.#socket.on('message', onMessage);
    this.#socket.on('close', onClose);
    return {
      dispose: () => {
        this.#socket.off('message', onMessage);
        this.#socket.off('close', onClose);
      },
    };
  }
}

class SocketWriter extends AbstractMessageWriter implements MessageWriter {
  readonly #socket: WebSocket;

  constructor(socket: WebSocket) {
    super();
    this.#socket = socket;
  }

  write(message: Message): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.send(JSON.stringify(message), (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  }

  end(): void {
    this.#socket.close(closeCodes.normal);
  }
}

/** Null unless it is one JSON-RPC object; what is inside is checked by the method's own schema. */
function parseMessage(text: string): Message | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return null;
    return 'jsonrpc' in value && value.jsonrpc === '2.0' ? { ...value, jsonrpc: '2.0' } : null;
  } catch {
    return null;
  }
}
