/** What holds where the configuration says nothing. */
import type { CheckConfig, Config } from './config/schema.ts';
import { parseListenAddress, type ListenAddress } from './server/listenAddress.ts';

const defaultListen: ListenAddress = { host: '127.0.0.1', port: 7433 };

/** `server.listen`; null = no TCP port. */
export function configuredListen(text: string | undefined): ListenAddress | null {
  if (text === undefined) return defaultListen;
  return text === 'none' ? null : parseListenAddress(text);
}

/** What is looked at when the file names no checks. */
export function defaultChecks(config: Config): readonly CheckConfig[] {
  const health: CheckConfig = { name: 'health', procedure: 'health-check', every: 5 * 60_000 };
  const { paths, endpoints } = config.certificates;
  return [
    health,
    ...(paths.length + endpoints.length === 0
      ? []
      : [{ name: 'certificates', procedure: 'check-certificates', every: sixHours }]),
    ...(config.databases.length === 0
      ? []
      : [
          { name: 'database-health', procedure: 'check-db-health', every: 5 * 60_000 },
          { name: 'database-bloat', procedure: 'check-bloat', every: sixHours },
        ]),
  ];
}

const sixHours = 6 * 3_600_000;
