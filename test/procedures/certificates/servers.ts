/** Small servers on loopback: TLS, silent ones, and those that speak a little before TLS begins. */
import { createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, createServer as createTlsServer, type TlsOptions, TLSSocket } from 'node:tls';
import type { Issued } from './authority.ts';

export interface Running {
  readonly port: number;
  /** Application data that clients sent within TLS; nobody who only looks sends any. */
  readonly received: () => number;
}

/** All servers of one test; none of them and none of their connections outlives it. */
export class Servers {
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();

  /** Serves `issued.chainPem`; `byName` holds what is served for a name asked for by SNI. */
  async tls(issued: Pair, options: TlsOptions = {}, byName: Readonly<Record<string, Pair>> = {}): Promise<Running> {
    let received = 0;
    const server = createTlsServer(
      {
        ...pair(issued),
        SNICallback: (name, done) => {
          const named = byName[name];
          done(null, named === undefined ? undefined : createSecureContext(pair(named)));
        },
        ...options,
      },
      (socket) => {
        socket.on('data', (chunk: Buffer) => (received += chunk.length)).on('error', ignore);
      },
    );
    server.on('tlsClientError', ignore);
    return { port: await this.#listen(server), received: () => received };
  }

  /** Plain TCP. */
  async tcp(onConnection: (socket: Socket) => void): Promise<Running> {
    return { port: await this.#listen(createServer(onConnection)), received: () => 0 };
  }

  /** `dialogue` gets what the client sends in the clear and answers; once it gives true, TLS begins. */
  async startTls(
    issued: Pair,
    greeting: string,
    dialogue: (said: Buffer, socket: Socket) => boolean,
  ): Promise<Running> {
    return this.tcp((socket) => {
      socket.write(greeting);
      const onData = (said: Buffer): void => {
        if (!dialogue(said, socket)) return;
        socket.off('data', onData);
        new TLSSocket(socket, { isServer: true, secureContext: createSecureContext(pair(issued)) }).on('error', ignore);
      };
      socket.on('data', onData);
    });
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const closed = this.#servers.splice(0).map(
      (server) =>
        new Promise<void>((resolve) => {
          server.close(() => {
            resolve();
          });
        }),
    );
    await Promise.all(closed);
  }

  async #listen(server: Server): Promise<number> {
    this.#servers.push(server);
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('error', ignore).on('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return address.port;
  }
}

type Pair = Pick<Issued, 'chainPem' | 'keyPem'>;

function pair({ chainPem, keyPem }: Pair): { cert: string; key: string } {
  return { cert: chainPem, key: keyPem };
}

/** Clients that only look break off every connection. */
function ignore(): void {
  return undefined;
}
