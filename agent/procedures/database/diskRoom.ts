/** Head-room on the disks of a server that runs on this machine: data directory, its WAL, tablespaces. */
import { realpath, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Finding } from '../../protocol/nouns.ts';
import { bytesText } from './bytesText.ts';
import { printable } from './names.ts';
import type { ServerState } from './serverState.ts';
import type { DatabaseTarget } from './target.ts';

export interface DiskRoom {
  /** What lies there: `data directory`, `WAL`, `tablespace fast`. */
  readonly what: string;
  readonly path: string;
  readonly totalBytes: number;
  readonly availableBytes: number;
  readonly usedPercent: number;
}

/** True for an address of this machine. */
export function isLocal({ host }: Pick<DatabaseTarget, 'host'>): boolean {
  return host.startsWith('/') || host === 'localhost' || host === '::1' || /^127(\.\d+){3}$/.test(host);
}

/** Each file system once, under what lies on it first; empty when the server is elsewhere or its folders are not to be found. */
export async function diskRooms(
  target: Pick<DatabaseTarget, 'host'>,
  { loopback, dataDirectory, tablespaces }: Pick<ServerState, 'loopback' | 'dataDirectory' | 'tablespaces'>,
): Promise<DiskRoom[]> {
  if (!isLocal(target) || !loopback) return [];
  const places = [
    ...(dataDirectory === null
      ? []
      : [
          { what: 'data directory', path: dataDirectory },
          { what: 'WAL', path: join(dataDirectory, 'pg_wal') },
        ]),
    ...tablespaces.map(({ name, location }) => ({ what: `tablespace ${printable(name)}`, path: location })),
  ];
  const rooms = new Map<number, DiskRoom>();
  for (const place of places) {
    const found = await measure(place);
    if (found !== null && !rooms.has(found.device)) rooms.set(found.device, found.room);
  }
  return [...rooms.values()];
}

async function measure({
  what,
  path,
}: {
  what: string;
  path: string;
}): Promise<{ device: number; room: DiskRoom } | null> {
  try {
    // WAL on a disk of its own is a link; the folders themselves are often closed to us, what leads to them is not.
    const real = await realpath(path);
    const [{ dev }, space] = await Promise.all([stat(real), statfs(real)]);
    const used = space.blocks - space.bfree;
    const room = {
      what,
      path: real,
      totalBytes: space.blocks * space.bsize,
      availableBytes: space.bavail * space.bsize,
      usedPercent: used + space.bavail === 0 ? 0 : Math.round((used / (used + space.bavail)) * 1000) / 10,
    };
    return { device: dev, room };
  } catch {
    return null;
  }
}

export function diskFindings(name: string, rooms: readonly DiskRoom[], thresholdPercent: number): Finding[] {
  const subject = printable(name);
  return rooms.map((room) => {
    const short = room.usedPercent >= thresholdPercent;
    const full = room.usedPercent >= Math.max(criticalPercent, thresholdPercent);
    return {
      level: full ? 'critical' : short ? 'warning' : 'ok',
      code: 'database.disk',
      subject,
      message:
        `The disk of the ${room.what} of ${subject} (${printable(room.path)}) is ${room.usedPercent} % full, ` +
        `${bytesText(room.availableBytes)} left${short ? '; free space or add storage before the server stops writing' : ''}.`,
      value: room.usedPercent,
      threshold: thresholdPercent,
      unit: '%',
    };
  });
}

const criticalPercent = 95;
