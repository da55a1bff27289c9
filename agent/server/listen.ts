/** Binds HTTP servers to a TCP port or a Unix socket; what fails says which port or file and what to do. */
import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { connect, type AddressInfo, type ListenOptions, type Server } from 'node:net';
import { dirname } from 'node:path';
import { makeFolders } from '../makeFolders.ts';
import { codeOf, messageOf } from '../thrown.ts';
import { formatAddress, isLoopback, type ListenAddress } from './listenAddress.ts';

/** `sun_path` holds 108 bytes on Linux and 104 on macOS, with the final NUL (unix(7)). */
const maxSocketPathBytes = 103;
/** A live agent accepts at once; one that does not within this time is taken for alive. */
const probeMs = 2000;

/** Beyond loopback only when `encrypted`. */
export async function listenTcp(server: Server, address: ListenAddress, encrypted: boolean): Promise<ListenAddress> {
  if (!encrypted && !isLoopback(address.host)) {
    throw new Error(
      `${formatAddress(address)} can be reached from other machines and tokens would travel unencrypted: ` +
        'listen on 127.0.0.1 and reach this agent over ssh, or set server.tls in maintenance.yaml',
    );
  }
  try {
    await listen(server, { host: address.host, port: address.port, exclusive: true });
  } catch (error) {
    throw new Error(`cannot listen on ${formatAddress(address)}: ${tcpAdvice(error, address)}`, { cause: error });
  }
  const bound = server.address() as AddressInfo;
  return { host: bound.address, port: bound.port };
}

/** Makes the socket file with mode 0600 from its first moment, in a folder that it creates (0700) when missing. */
export async function listenUnix(server: Server, path: string): Promise<void> {
  if (Buffer.byteLength(path) > maxSocketPathBytes) {
    throw new Error(
      `the socket path ${path} has ${Buffer.byteLength(path)} bytes and the system allows ${maxSocketPathBytes}: choose a shorter one with --socket PATH`,
    );
  }
  try {
    await makeFolders(dirname(path), 0o700);
    if (isThere(path)) await removeStale(path);
    await listenPrivately(server, path);
    chmodSync(path, 0o600);
  } catch (error) {
    if (error instanceof SocketInUse) throw error;
    throw new Error(`cannot listen on the socket ${path}: ${messageOf(error)}`, { cause: error });
  }
}

class SocketInUse extends Error {}

/** bind(2) creates the file with the umask of that moment, and Node binds before listen() returns. */
function listenPrivately(server: Server, path: string): Promise<void> {
  const before = process.umask(0o177);
  try {
    return listen(server, { path });
  } finally {
    process.umask(before);
  }
}

function listen(server: Server, options: ListenOptions): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  const onListening = (): void => {
    server.off('error', reject);
    resolve(undefined);
  };
  server.once('error', (error) => {
    server.off('listening', onListening);
    reject(error);
  });
  server.once('listening', onListening);
  server.listen(options);
  return promise;
}

function isThere(path: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats !== undefined && !stats.isSocket()) {
    throw new SocketInUse(
      `${path} is there and is not a socket: move it away or choose another path with --socket PATH`,
    );
  }
  return stats !== undefined;
}

/** A socket file outlives an agent that was killed; connecting tells whether anyone still listens. */
async function removeStale(path: string): Promise<void> {
  if (await answers(path)) {
    throw new SocketInUse(
      `another agent is listening on ${path}: stop it, or give this one its own --state DIR or --socket PATH`,
    );
  }
  unlinkSync(path);
}

function answers(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const probe = connect(path);
  probe.setTimeout(probeMs);
  probe.once('connect', () => {
    resolve(true);
  });
  probe.once('timeout', () => {
    resolve(true);
  });
  probe.once('error', (error: NodeJS.ErrnoException) => {
    resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT');
  });
  return promise.finally(() => {
    probe.destroy();
  });
}

function tcpAdvice(error: unknown, { host, port }: ListenAddress): string {
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return `port ${port} is taken, by another agent or program: stop it, or choose another port with --listen HOST:PORT or server.listen in maintenance.yaml`;
    case 'EACCES':
      return `this user may not use port ${port}: choose one above 1023 with --listen HOST:PORT`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `this machine has no address ${host}: listen on 127.0.0.1`;
    default:
      return messageOf(error);
  }
}
