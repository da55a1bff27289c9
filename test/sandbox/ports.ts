import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import * as z from 'zod';

const savedPorts = z.record(z.string(), z.int().min(1).max(65_535));
export type Ports = Readonly<Record<string, number>>;

/**
 * A free port on loopback for each name: the one of the last time where nothing else has taken it. Saved in `file`,
 * so that addresses stay the same from start to start.
 */
export async function choosePorts<Name extends string>(
  file: string,
  names: readonly Name[],
): Promise<Record<Name, number>> {
  const saved = readPorts(file);
  const chosen = {} as Record<Name, number>;
  const taken = new Set<number>();
  for (const name of names) {
    const before = saved[name];
    let port = before !== undefined && !taken.has(before) ? await listenOnce(before) : null;
    while (port === null || taken.has(port)) port = await listenOnce(0);
    taken.add(port);
    chosen[name] = port;
  }
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(chosen, null, 2)}\n`);
  return chosen;
}

/** The ports of the last time; none when they were never saved or the file was damaged. */
export function readPorts(file: string): Ports {
  try {
    return savedPorts.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return {};
  }
}

/** The port when it is free, else null; 0 = any. */
function listenOnce(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => {
      resolve(null);
    });
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        resolve(typeof address === 'object' ? (address?.port ?? null) : null);
      });
    });
  });
}
