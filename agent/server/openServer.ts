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

export interface OpenServer extends AgentServer {
  /** Reads the certificate's files again. Settings that wait for the next start of the agent are told in the log. */
  reload(settings: ServerSettings): void;
}

/** Not started yet. Rejects with one sentence when its certificate can not be served. */
export async function openServer(parts: OpenServerParts): Promise<OpenServer> {
  const { settings, alerts } = parts;
  const listen = parts.listen === undefined ? configuredListen(settings.listen) : parts.listen;
  const onProblem = (problem: string | null): void => {
    if (problem === null) alerts.resolve(certificateKey);
    else alerts.raise({ ...certificateAlert, message: problem });
  };
  const certificate = await openCertificate({ ...parts, onProblem });
  if (certificate === null) onProblem(null);
  const server = createServer({ ...parts, listen, hostNames: settings.host_names, certificate });
  const reload = (now: ServerSettings): void => {
    server.reloadCertificate();
    if (JSON.stringify(now) === JSON.stringify(settings)) return;
    parts.log.warn({}, '`server` has changed in the configuration: restart the agent, its runs go on');
  };
  return Object.assign(server, { reload });
}

const certificateAlert = {
  key: certificateKey,
  level: 'critical',
  title: 'The certificate of this agent',
  runId: null,
} as const;
