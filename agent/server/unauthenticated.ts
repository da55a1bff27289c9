import type { Socket } from 'node:net';

/**
 * TCP connections that have not shown a token. When there are too many, the oldest goes rather than the newest: a real
 * client sends its request at once, one that only holds a place waits.
 */
export class UnauthenticatedSockets {
  readonly #limit: number;
  readonly #sockets = new Set<Socket>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#sockets.size;
  }

  add(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
    });
    for (const oldest of this.#sockets) {
      if (this.#sockets.size <= this.#limit) break;
      this.#sockets.delete(oldest);
      oldest.destroy();
    }
  }

  /** It has shown a token. */
  passed(socket: Socket): void {
    this.#sockets.delete(socket);
  }
}
