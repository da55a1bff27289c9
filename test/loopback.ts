/** HTTP servers on loopback for one test. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export class LoopbackServers {
  readonly #servers: Server[] = [];

  /** Gives the address of a new server, without a slash at the end. */
  async serve(answer: (incoming: IncomingMessage, response: ServerResponse) => void): Promise<string> {
    const server = createServer(answer).listen(0, '127.0.0.1');
    this.#servers.push(server);
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** A server whose answer has no end; `closed` resolves when its reader has gone. */
  async serveEndless(): Promise<{ readonly url: string; readonly closed: Promise<void> }> {
    const { promise: closed, resolve } = Promise.withResolvers<undefined>();
    const url = await this.serve((_incoming, response) => {
      response.once('close', () => {
        resolve(undefined);
      });
      response.writeHead(200);
      const more = (): void => {
        while (response.writable && response.write(Buffer.alloc(64 * 1024, 'x')));
        response.once('drain', more);
      };
      more();
    });
    return { url, closed };
  }

  close(): void {
    for (const server of this.#servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  }
}
