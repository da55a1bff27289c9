/** One connected client: `hello` first, then requests and, once subscribed, events. */
import { type CancellationToken, ResponseError } from 'vscode-jsonrpc/node';
import type { WebSocket } from 'ws';
import { closeCodes, errorCodes } from '../protocol/errors.ts';
import { type AgentEvent } from '../protocol/events.ts';
import { oldestProtocol, protocolVersion, type MethodResult } from '../protocol/methods.ts';
import type { HostInfo } from '../protocol/nouns.ts';
import { AnswerRoom, type Place } from './answerRoom.ts';
import type { Identity } from './auth.ts';
import { checkResult, codeOf, dispatch, isMethod, parseParams, requireRole, type Handlers } from './dispatch.ts';
import { EventPump, type EventSource } from './eventPump.ts';
import type { InboundBudget } from './inbound.ts';
import { closeGraceMs } from './limits.ts';
import type { ServerLog } from './log.ts';
import { RequestError } from './requestError.ts';
import { SessionChannel } from './sessionChannel.ts';
import type { Secrets } from '../secrets/secrets.ts';

/** What a client may rely on beyond the methods of its protocol version. */
export const capabilities: readonly string[] = [
  'events.replay',
  'runs.output.wait',
  'request.cancel',
  'schedule.holds',
  'procedures.preview',
  'procedures.choices',
  'runs.report',
];

export interface SessionServices {
  readonly handlers: Handlers;
  readonly events: EventSource;
  readonly hostInfo: () => HostInfo;
  readonly log: ServerLog;
  /** What is told and asked passes here, so that no secret comes through. */
  readonly secrets: Secrets;
  readonly helloMs: number;
  readonly inbound: InboundBudget;
}

/** A move that does not belong to the state is refused and changes nothing. */
type State = 'awaitingHello' | 'ready' | 'closed';

export class Session {
  /** Resolves once the socket is closed. */
  readonly ended: Promise<void>;
  readonly #socket: WebSocket;
  readonly #identity: Identity;
  readonly #services: SessionServices;
  readonly #channel: SessionChannel;
  readonly #pump: EventPump;
  readonly #room: AnswerRoom;
  readonly #openRequests = new Set<AbortController>();
  readonly #helloTimer: NodeJS.Timeout;
  #state: State = 'awaitingHello';
  #silentBeats = 0;
  #blockedAtBeat = false;
  #flushedSinceBeat = false;

  constructor(socket: WebSocket, identity: Identity, services: SessionServices) {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.ended = promise;
    socket.once('close', () => {
      resolve(undefined);
    });
    this.#socket = socket;
    this.#identity = identity;
    this.#services = services;
    this.#channel = new SessionChannel(socket, services.log, {
      flushed: () => {
        this.#flushedSinceBeat = true;
        this.#pump.flushed();
        this.#room.look();
      },
      held: (bytes) => {
        if (this.#state !== 'closed') services.inbound.change(this, bytes);
      },
    });
    this.#room = new AnswerRoom(() => socket.bufferedAmount);
    this.#pump = new EventPump({
      source: services.events,
      buffered: () => socket.bufferedAmount,
      send: (event) => {
        this.#sendEvent(event);
      },
      fellBehind: () => {
        this.close('goingAway', 'fell behind the kept events: connect again');
      },
    });
    this.#helloTimer = setTimeout(() => {
      this.close('helloTimeout', 'no hello in time');
    }, services.helloMs);
    this.#listen();
  }

  get actor(): string {
    return this.#identity.actor;
  }

  /** Ends the session; requests under way are aborted. */
  close(code: keyof typeof closeCodes, reason: string): void {
    this.#dispose();
    this.#socket.close(closeCodes[code], reason);
    const timer = setTimeout(() => {
      this.#socket.terminate();
    }, closeGraceMs);
    this.#socket.once('close', () => {
      clearTimeout(timer);
    });
  }

  /** Ends the session now: the close frame goes out, its answer is not waited for. */
  cut(code: keyof typeof closeCodes, reason: string): void {
    this.#dispose();
    this.#socket.close(closeCodes[code], reason);
    this.#socket.terminate();
  }

  /** Ends the session when its token no longer holds, or that can not be told: what can not be verified is not served. */
  verifyAgain(): boolean {
    if (this.#state === 'closed') return false;
    try {
      if (this.#identity.stillGood()) return true;
      this.close('tokenRevoked', 'the token was revoked, changed or has expired');
    } catch (error) {
      this.#services.log.error({ actor: this.actor, err: error }, 'a token could not be verified again');
      this.close('internalError', 'the token could not be verified');
    }
    return false;
  }

  /** Called every heartbeat: a peer that answered no ping since the one before the last is gone. */
  beat(): void {
    if (!this.verifyAgain()) return;
    // The kernel was full and has taken more since: the peer reads, only slowly, and its pong waits behind what it reads.
    if (this.#blockedAtBeat && this.#flushedSinceBeat) this.#silentBeats = 0;
    this.#blockedAtBeat = this.#socket.bufferedAmount > 0;
    this.#flushedSinceBeat = false;
    if (this.#silentBeats >= 2) {
      this.#dispose();
      this.#socket.terminate();
      return;
    }
    this.#silentBeats += 1;
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping();
  }

  #listen(): void {
    const alive = (): void => {
      this.#silentBeats = 0;
    };
    this.#socket.on('message', alive).on('pong', alive).on('ping', alive);
    void this.ended.then(() => {
      this.#dispose();
    });
    // ws closes with the code that fits (1002, 1007, 1009) right after; there is nothing to add.
    this.#socket.on('error', alive);
    const { connection } = this.#channel;
    connection.onRequest((method: string, params: unknown, token: CancellationToken) =>
      this.#answer(method, params, token),
    );
    connection.listen();
  }

  async #answer(method: string, params: unknown, token: CancellationToken): Promise<unknown> {
    const controller = new AbortController();
    const cancelling = token.onCancellationRequested(() => {
      controller.abort(new RequestError('cancelled', `${method} was taken back`));
    });
    this.#openRequests.add(controller);
    const place = this.#room.place(controller.signal);
    try {
      if (token.isCancellationRequested) throw new RequestError('cancelled', `${method} was taken back`);
      return await this.#call(method, params, controller.signal, place);
    } catch (error) {
      throw this.#errorFor(method, controller.signal.aborted ? controller.signal.reason : error);
    } finally {
      cancelling.dispose();
      place.leave();
      this.#openRequests.delete(controller);
    }
  }

  async #call(method: string, params: unknown, signal: AbortSignal, place: Place): Promise<unknown> {
    if (!isMethod(method)) throw new RequestError('methodNotFound', `there is no method ${method.slice(0, 100)}`);
    if (!this.verifyAgain()) throw new RequestError('forbidden', 'the token was revoked, changed or has expired');
    if (method === 'hello') return this.#hello(params);
    if (this.#state !== 'ready') throw new RequestError('notReady', `send hello before ${method}`);
    requireRole(method, this.#identity);
    if (method === 'events.subscribe') {
      const { epoch, after } = parseParams(method, params);
      return checkResult(method, this.#pump.subscribe(epoch, after));
    }
    const { actor, role } = this.#identity;
    const { handlers, secrets } = this.#services;
    return dispatch(handlers, method, params, { actor, role, signal, room: () => place.enter() }, secrets);
  }

  #hello(params: unknown): MethodResult<'hello'> {
    if (this.#state !== 'awaitingHello') throw new RequestError('notReady', 'hello was sent before');
    const peer = parseParams('hello', params);
    const protocol = Math.min(protocolVersion, peer.protocol);
    if (protocol < oldestProtocol || protocol < peer.oldestProtocol) {
      setImmediate(() => {
        this.close('versionMismatch', 'no common protocol version');
      });
      throw new RequestError(
        'versionMismatch',
        `this agent speaks protocol ${oldestProtocol} to ${protocolVersion}, the client ${peer.oldestProtocol} to ${peer.protocol}: ` +
          `update ${peer.protocol < oldestProtocol ? 'the client' : 'the agent'}`,
      );
    }
    clearTimeout(this.#helloTimer);
    this.#state = 'ready';
    const { actor, role } = this.#identity;
    const host = this.#services.hostInfo();
    const now = new Date().toISOString();
    return checkResult('hello', { protocol, capabilities: [...capabilities], host, role, actor, now });
  }

  #sendEvent(event: AgentEvent): void {
    void this.#channel.connection.sendNotification('event', event);
  }

  #errorFor(method: string, error: unknown): ResponseError {
    if (error instanceof RequestError)
      return new ResponseError(codeOf(error), this.#services.secrets.text(error.message));
    this.#services.log.error({ method, actor: this.#identity.actor, err: error }, 'a request failed');
    return new ResponseError(errorCodes.internalError, `${method} failed inside the agent: see its log`);
  }

  #dispose(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    clearTimeout(this.#helloTimer);
    this.#pump.stop();
    for (const controller of this.#openRequests) {
      controller.abort(new RequestError('cancelled', 'the connection ended'));
    }
    this.#channel.connection.dispose();
  }
}
