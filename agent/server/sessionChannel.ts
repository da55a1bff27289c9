/** The agent's end of one WebSocket: messages in and out, within the limits, as a vscode-jsonrpc connection. */
import { createMessageConnection, type Message, type MessageConnection, NullLogger } from 'vscode-jsonrpc/node';
import type { WebSocket } from 'ws';
import * as z from 'zod';
import { closeCodes, errorCodes, type ErrorName } from '../protocol/errors.ts';
import { maxAnswerBytes, maxOpenRequests, maxWaitingReads } from '../protocol/methods.ts';
import { encodingOf } from './encodedAnswers.ts';
import { maxUnreadBytes } from './limits.ts';
import { readClientMessage, type RequestId } from './message.ts';
import type { ServerLog } from './log.ts';
import { WebSocketReader, WebSocketWriter, type EncodedMessage } from './webSocketMessages.ts';

export interface ChannelListener {
  /** Called whenever a message has left for the kernel. */
  readonly flushed: () => void;
  /** Called with the bytes of a request that waits for its answer, and again with minus as many when it has it. */
  readonly held: (bytes: number) => void;
}

export class SessionChannel {
  readonly connection: MessageConnection;
  readonly #socket: WebSocket;
  readonly #log: ServerLog;
  readonly #listener: ChannelListener;
  /** Unanswered requests with their bytes, by id as text: vscode-jsonrpc takes `1` and `"1"` for the same. */
  readonly #open = new Map<string, number>();
  /** Of these, reads that wait for output. */
  readonly #waiting = new Set<string>();

  constructor(socket: WebSocket, log: ServerLog, listener: ChannelListener) {
    this.#socket = socket;
    this.#log = log;
    this.#listener = listener;
    this.connection = createMessageConnection(
      new WebSocketReader(socket, (text) => this.#accept(text)),
      new WebSocketWriter(
        socket,
        (message) => this.#encode(message),
        () => {
          this.#onFlushed();
        },
      ),
      NullLogger,
    );
  }

  #accept(text: string): Message | null {
    const read = readClientMessage(text);
    if (read.kind === 'ignored') return null;
    if (read.kind === 'unparsable') {
      this.#refuse(null, 'parseError', 'the frame is not JSON');
      this.#socket.close(closeCodes.invalidPayload, 'not JSON');
      return null;
    }
    if (read.kind === 'invalid') return this.#refuse(read.id, 'invalidRequest', read.why);
    if (!('id' in read.message)) return read.message;
    return this.#admit(read.message.id, read.message, text.length);
  }

  #admit(id: RequestId, message: Message, bytes: number): Message | null {
    const key = String(id);
    if (this.#open.has(key)) {
      return this.#refuse(null, 'invalidRequest', `the id ${key} belongs to a request that is not answered yet`);
    }
    if (this.#open.size >= maxOpenRequests) {
      return this.#refuse(id, 'tooManyRequests', `${maxOpenRequests} requests are unanswered: wait for one of them`);
    }
    if (isWaitingRead(message)) {
      if (this.#waiting.size >= maxWaitingReads) {
        const why = `${maxWaitingReads} reads wait for output already: wait for one of them, or ask without \`wait\``;
        return this.#refuse(id, 'tooManyRequests', why);
      }
      this.#waiting.add(key);
    }
    this.#open.set(key, bytes);
    this.#listener.held(bytes);
    return message;
  }

  #refuse(id: RequestId | null, error: ErrorName, message: string): null {
    this.#send(JSON.stringify({ jsonrpc: '2.0', id, error: { code: errorCodes[error], message } }));
    return null;
  }

  #send(text: string): void {
    this.#socket.send(text, () => {
      this.#onFlushed();
    });
    this.#pauseIfUnread();
  }

  #encode(message: Message): string | EncodedMessage {
    const id = 'id' in message ? (message.id as RequestId | null) : undefined;
    if (id !== undefined) this.#answered(String(id));
    // The write follows in this turn; what it adds to the socket shows in the next.
    queueMicrotask(() => {
      this.#pauseIfUnread();
    });
    const body = 'result' in message ? encodingOf(message.result) : undefined;
    if (body !== undefined && body.length < maxAnswerBytes) {
      return { head: `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":`, body, tail: '}' };
    }
    const text = JSON.stringify(message);
    const bytes = Buffer.byteLength(text);
    if (bytes <= maxAnswerBytes) return text;
    this.#log.error({ bytes, limit: maxAnswerBytes }, 'a message was too large to send; the peer was told');
    return JSON.stringify(
      id === undefined
        ? { ...message, params: withoutData(message) }
        : {
            jsonrpc: '2.0',
            id,
            error: {
              code: errorCodes.internalError,
              message: `the answer has ${bytes} bytes, more than ${maxAnswerBytes}: ask for less`,
            },
          },
    );
  }

  #answered(key: string): void {
    this.#listener.held(-(this.#open.get(key) ?? 0));
    this.#open.delete(key);
    this.#waiting.delete(key);
  }

  /** Unread answers must not pile up: while there are many, no further requests are read. */
  #pauseIfUnread(): void {
    if (this.#socket.readyState === this.#socket.OPEN && this.#socket.bufferedAmount > maxUnreadBytes) {
      this.#socket.pause();
    }
  }

  #onFlushed(): void {
    if (this.#socket.isPaused && this.#socket.bufferedAmount <= maxUnreadBytes) this.#socket.resume();
    this.#listener.flushed();
  }
}

function isWaitingRead(message: Message): boolean {
  return waitingRead.safeParse(message).success;
}

const waitingRead = z.object({ method: z.literal('runs.output'), params: z.object({ wait: z.literal(true) }) });

/** An event too large to send keeps its number; its type is one that every client skips. */
function withoutData(message: Message): unknown {
  const params = 'params' in message ? message.params : undefined;
  return { ...(params as object), type: 'event.omitted', data: null };
}
