/** Small servers on loopback: TLS, silent ones, and those that speak a little before TLS begins. */
import { createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, createServer as createTlsServer, type TlsOptions, TLSSocket } from 'node:tls';
import type { Issued } from './authority.ts';
import type { Turns } from './recorded.ts';

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

  /** Holds its side of `turns` with everyone who says exactly what they want, hangs up on others, and goes on by `then`. */
  async play(turns: Turns, then: (socket: Socket) => void, address?: string): Promise<Running> {
    const server = createServer((socket) => {
      const rest = [...turns];
      let said = Buffer.alloc(0);
      const advance = (): void => {
        const next = rest.shift();
        if (next !== undefined && next.length > 0) socket.write(next);
        if (rest.length > 0) return;
        socket.off('data', onData).pause();
        // The first words of TLS may have come with the last ones before it.
        if (said.length > 0) socket.unshift(said);
        then(socket);
      };
      const onData = (chunk: Buffer): void => {
        said = Buffer.concat([said, chunk]);
        const wanted = Buffer.from(rest[0] ?? '');
        if (said.length < wanted.length) return;
        if (!said.subarray(0, wanted.length).equals(wanted)) return void socket.destroy();
        said = said.subarray(wanted.length);
        rest.shift();
        advance();
      };
      socket.on('data', onData);
      advance();
    });
    return { port: await this.#listen(server, address), received: () => 0 };
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

  async #listen(server: Server, address = '127.0.0.1'): Promise<number> {
    this.#servers.push(server);
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('error', ignore).on('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, address, resolve));
    const bound = server.address();
    if (bound === null || typeof bound === 'string') throw new Error('no port');
    return bound.port;
  }
}

/** TLS on a connection that began in the clear; `byName` holds what is served for a name asked for by SNI. */
export function beginTls(issued: Pair, byName: Readonly<Record<string, Pair>> = {}): (socket: Socket) => void {
  return (socket) => {
    new TLSSocket(socket, {
      isServer: true,
      secureContext: createSecureContext(pair(issued)),
      SNICallback: (name, done) => {
        const named = byName[name];
        done(null, named === undefined ? undefined : createSecureContext(pair(named)));
      },
    }).on('error', ignore);
  };
}

type Pair = Pick<Issued, 'chainPem' | 'keyPem'>;

function pair({ chainPem, keyPem }: Pair): { cert: string; key: string } {
  return { cert: chainPem, key: keyPem };
}

/** Clients that only look break off every connection. */
function ignore(): void {
  return undefined;
}
