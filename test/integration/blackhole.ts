/** A port of this machine whose packets go nowhere: the kernel drops each request for a connection, as a firewall would. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

export interface Blackhole {
  readonly port: number;
  readonly close: () => Promise<void>;
}

/** A process that listens and never accepts, with its queue filled: further connections are neither taken nor refused. */
export async function openBlackhole(): Promise<Blackhole> {
  const program =
    `const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {` +
    `require('node:fs').writeSync(1, server.address().port + '\\n'); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); })`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const port = Number(line);
  const fill: Socket[] = [];
  for (let connected = true; connected;) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    fill.push(socket);
    // A loopback connection that the kernel takes is there at once; one that it drops is not after a second either.
    connected = await Promise.race([
      once(socket, 'connect').then(() => true),
      new Promise<boolean>((resolve) => setTimeout(resolve, 1_000, false)),
    ]);
  }
  return {
    port,
    close: async () => {
      for (const socket of fill) socket.destroy();
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}
