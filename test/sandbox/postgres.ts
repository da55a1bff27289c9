import { lstatSync, mkdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { startPostgres } from '../integration/postgres.ts';
import { sandboxFolder, sandboxKey } from './paths.ts';

export interface SandboxDatabase {
  readonly pid: number;
  readonly password: string;
  /** Of the database `shop`, as superuser. */
  readonly url: string;
  readonly stop: () => Promise<void>;
}

/** Starts PostgreSQL on `port` with the database `shop`; its data is kept from start to start. */
export async function startDatabase(port: number): Promise<SandboxDatabase> {
  const postgres = await startPostgres({ directory: clusterFolder(), port });
  try {
    const found = await postgres.query(`SELECT 1 FROM pg_database WHERE datname = 'shop'`);
    if (found.length === 0) await postgres.query('CREATE DATABASE shop');
  } catch (error) {
    await postgres.stop();
    throw error;
  }
  return { pid: postgres.pid, password: postgres.password, url: postgres.url('shop'), stop: postgres.stop };
}

/** Under root PostgreSQL runs as a user without rights, who can not reach a clone in a private folder such as /root. */
function clusterFolder(): string {
  if (process.getuid?.() !== 0 || isReachable(sandboxFolder)) return join(sandboxFolder, 'postgres');
  const folder = join(tmpdir(), `upkeep-sandbox-${sandboxKey}`);
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  const { uid } = lstatSync(folder);
  if (uid !== 0) throw new Error(`${folder} belongs to user ${uid}: remove it, the sandbox keeps its database there.`);
  return join(folder, 'postgres');
}

/** True when every folder above lets everybody through. */
function isReachable(folder: string): boolean {
  for (let path = folder; ; path = dirname(path)) {
    if ((statSync(path).mode & 0o001) === 0) return false;
    if (path === dirname(path)) return true;
  }
}
