/** The server as the configuration wants it: address, names, certificate. */
import type { ServerSettings } from '../config/server.ts';
import { configuredListen } from '../defaults.ts';
import type { Alerts } from '../monitor/alerts.ts';
import type { Clock } from '../schedule/clock.ts';
import type { ListenAddress } from './listenAddress.ts';
import { openCertificate } from './openCertificate.ts';
import { createServer, type AgentServer, type ServerOptions } from './server.ts';

export interface OpenServerParts extends Omit<ServerOptions, 'listen' | 'hostNames' | 'certificate'> {
  readonly settings: ServerSettings;
  /** Undefined = what the settings say; null = no TCP port. */
  readonly listen: ListenAddress | null | undefined;
  readonly stateDirectory: string;
  readonly alerts: Pick<Alerts, 'raise' | 'resolve'>;
  readonly clock: Clock;
}

const certificateKey = 'server:certificate';

/** Not started yet. Rejects with one sentence when its certificate can not be served. */
export async function openServer(parts: OpenServerParts): Promise<AgentServer> {
  const { settings, alerts } = parts;
  const listen = parts.listen === undefined ? configuredListen(settings.listen) : parts.listen;
  const onProblem = (problem: string | null): void => {
    if (problem === null) alerts.resolve(certificateKey);
    else alerts.raise({ ...certificateAlert, message: problem });
  };
  const certificate = await openCertificate({ ...parts, onProblem });
  if (certificate === null) onProblem(null);
  return createServer({ ...parts, listen, hostNames: settings.host_names, certificate });
}

const certificateAlert = {
  key: certificateKey,
  level: 'critical',
  title: 'The certificate of this agent',
  runId: null,
} as const;
