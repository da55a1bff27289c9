/** `HOST:PORT` as people write it. */
import { isIPv4 } from 'node:net';

export interface ListenAddress {
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
}

/** Reads `127.0.0.1:7433`, `localhost:7433`, `[::1]:7433`; `none` gives null. Throws a sentence for anything else. */
export function parseListenAddress(text: string): ListenAddress | null {
  if (text === 'none') return null;
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/i.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65535) {
    throw new Error(`the listen address "${text}" is not HOST:PORT: write 127.0.0.1:7433, or none for no TCP port`);
  }
  return { host, port };
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

export function formatAddress({ host, port }: ListenAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
