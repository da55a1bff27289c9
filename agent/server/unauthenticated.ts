import type { Socket } from 'node:net';

/**
 * TCP connections that have not shown a token. When there are too many, the oldest goes rather than the newest: a real
 * client sends its request at once, one that only holds a place waits.
 */
export class UnauthenticatedSockets {
  readonly #limit: number;
  /** By the peer's address and port: the socket that TLS puts over a connection has the same. */
  readonly #sockets = new Map<string, Socket>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(socket: Socket): void {
    const peer = peerOf(socket);
    this.#sockets.set(peer, socket);
    socket.once('close', () => {
      if (this.#sockets.get(peer) === socket) this.#sockets.delete(peer);
    });
    for (const [oldest, its] of this.#sockets) {
      if (this.#sockets.size <= this.#limit) break;
      this.#sockets.delete(oldest);
      its.destroy();
    }
  }

  /** It has shown a token. */
  passed(socket: Socket): void {
    this.#sockets.delete(peerOf(socket));
  }

  /** Cuts them all. */
  clear(): void {
    for (const socket of this.#sockets.values()) socket.destroy();
    this.#sockets.clear();
  }
}

function peerOf({ remoteAddress = '', remotePort = 0 }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
