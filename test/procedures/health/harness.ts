/** health-check against a configuration that names the services of a test. */
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import type * as z from 'zod';
import type { healthSettings, thresholds } from '../../../agent/config/health.ts';
import { sections } from '../../../agent/config/schema.ts';
import type { Config } from '../../../agent/config/schema.ts';
import type { ProcedureContext } from '../../../agent/procedures/define.ts';
import { healthCheck } from '../../../agent/procedures/health/healthCheck.ts';
import { part as healthCheckPart } from '../../../agent/procedures/health/healthCheckWork.ts';
import type { HealthCheckPart } from '../../../agent/procedures/health/healthCheckWork.ts';
import type { Finding } from '../../../agent/protocol/nouns.ts';

export interface HealthOutcome {
  readonly outcome: string;
  readonly resources: HealthCheckPart['resources'];
  readonly findings: readonly Finding[];
}

interface Settings {
  readonly health?: z.input<typeof healthSettings>;
  readonly thresholds?: z.input<typeof thresholds>;
  readonly full?: boolean;
  /** As `Config` has it. */
  readonly leftOut?: Config['leftOut'];
  readonly signal?: AbortSignal;
}

export async function check({
  health = {},
  thresholds = {},
  full = false,
  leftOut = [],
  signal,
}: Settings): Promise<HealthOutcome> {
  const findings: Finding[] = [];
  const context: ProcedureContext = {
    config: { ...configuration({ health, thresholds }), leftOut },
    dryRun: false,
    signal: signal ?? new AbortController().signal,
    env: { PATH: process.env['PATH'] },
    memoryDirectory: tmpdir(),
    now: () => new Date(),
    finding: (finding) => findings.push(finding),
    progress: () => undefined,
    print: () => undefined,
  };
  const result = await healthCheck.execute({ full }, context);
  return { outcome: result.outcome, resources: healthCheckPart.parse(result.part).resources, findings };
}

export interface TestServer extends AsyncDisposable {
  readonly port: number;
}

export async function httpServer(listener: http.RequestListener): Promise<TestServer> {
  return await listen(http.createServer(listener));
}

/** Accepts connections and never says a word. */
export async function silentServer(): Promise<TestServer> {
  return await listen(net.createServer());
}

async function listen(server: net.Server): Promise<TestServer> {
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket: net.Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address() as net.AddressInfo;
  return {
    port: address.port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function configuration(given: { health: object; thresholds: object }): Config {
  const entries = Object.entries(sections).map(([name, schema]) => [
    name,
    schema.parse(name === 'health' ? given.health : name === 'thresholds' ? given.thresholds : undefined),
  ]);
  return { ...Object.fromEntries(entries), tasks: [], baseDirectory: '/' } as Config;
}
