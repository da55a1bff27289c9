/** A relay between clients and an agent, or a PostgreSQL server, that a test cuts, freezes or makes swallow answers. */
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
  #queriesToCut = 0;

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

  /** So many connections are cut at their next query with parameters. */
  cutNextQueries(connections: number): void {
    this.#queriesToCut = connections;
  }

  get queriesToCut(): number {
    return this.#queriesToCut;
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.cut();
    await once(this.#server, 'close');
  }

  #relay(client: Socket, agent: Socket): void {
    client.on('data', (chunk) => {
      // 'P' is Parse, the first message of such a query: PostgreSQL manual, "Message Formats".
      if (this.#queriesToCut > 0 && chunk[0] === 0x50) {
        this.#queriesToCut -= 1;
        client.resetAndDestroy();
      } else agent.write(chunk);
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
