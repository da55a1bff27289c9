/** A relay between clients and an agent that a test cuts, freezes or makes swallow answers. */
import { once } from 'node:events';
import {
  createConnection,
  createServer,
  type AddressInfo,
  type NetConnectOpts,
  type Server,
  type Socket,
} from 'node:net';

export class CutProxy {
  readonly #server: Server;
  /** Both ends of every connection that is open. */
  readonly #sockets = new Set<Socket>();
  #answersPass = true;
  #frozen = false;

  private constructor(target: NetConnectOpts) {
    this.#server = createServer((client) => {
      this.#relay(client, createConnection(target));
    });
  }

  /** Listens on loopback; `target` is where the agent listens. */
  static async start(target: NetConnectOpts): Promise<CutProxy> {
    const proxy = new CutProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Ends every connection without a word (RST). */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** From now on nothing passes, and nobody is told: what a cable that was pulled does. */
  freeze(): void {
    this.#frozen = true;
    for (const socket of this.#sockets) socket.pause();
  }

  /** Requests pass, answers do not, until the connections are cut. */
  swallowAnswers(yes: boolean): void {
    this.#answersPass = !yes;
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.cut();
    await once(this.#server, 'close');
  }

  #relay(client: Socket, agent: Socket): void {
    client.on('data', (chunk) => {
      agent.write(chunk);
    });
    agent.on('data', (chunk) => {
      if (this.#answersPass) client.write(chunk);
    });
    for (const [one, other] of [
      [client, agent],
      [agent, client],
    ] as const) {
      this.#sockets.add(one);
      one.on('error', () => one.destroy());
      one.once('close', () => {
        this.#sockets.delete(one);
        // A peer behind a pulled cable does not hear of the other's end.
        if (!this.#frozen) other.destroy();
      });
    }
  }
}
