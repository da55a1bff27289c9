import { randomInt } from 'node:crypto';
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
    const again = before !== undefined && !taken.has(before) && (await isFree(before));
    const port = again ? before : await freePort();
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

const given = new Set<number>();

/**
 * A port that nobody else gets before it is listened on: below those that Linux gives to whoever asks for any, or connects
 * (ip(7), ip_local_port_range).
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => {
      resolve(false);
    });
    server.listen(port, '127.0.0.1', () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}
