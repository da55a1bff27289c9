import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../agent/thrown.ts';
import { killLeft, processesWith, type ProcessLine } from '../leftovers.ts';
import { ensureSystemPackages } from '../systemPackages.ts';
import { startAgent, type SandboxAgent } from './agent.ts';
import { Children, endGroup, sandboxVariable } from './children.ts';
import { passwordVariable, writeWorkspace } from './configuration.ts';
import { fillDatabase } from './database.ts';
import { repository, sandbox as paths, sandboxFolder } from './paths.ts';
import { choosePorts, readPorts } from './ports.ts';
import { startDatabase } from './postgres.ts';
import { services, startServices } from './services.ts';

const portNames = ['postgres', 'agent', 'editor', ...services.map((service) => service.name)] as const;

export interface Sandbox {
  readonly agent: SandboxAgent;
  readonly databaseUrl: string;
  /** What maintenance.yaml wants of the environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly children: Children;
  readonly ports: Readonly<Record<(typeof portNames)[number], number>>;
  /** Stops everything, and tells which processes had to be killed for it. */
  readonly stop: () => Promise<readonly ProcessLine[]>;
}

/** Builds and starts everything that the agent maintains, and the agent. Throws when `stopped` before it is ready. */
export async function startSandbox(stopped: AbortSignal): Promise<Sandbox> {
  mkdirSync(sandboxFolder, { recursive: true });
  const children = await Children.takeOver();
  /** In the order of their start; stopped backward. */
  const parts: (() => Promise<void>)[] = [];
  const stop = async (): Promise<readonly ProcessLine[]> => {
    for (const end of parts.reverse()) await end().catch(report);
    parts.length = 0;
    // Runs outlive the agent on purpose; here nothing may be left of them.
    for (const run of processesWith('UPKEEP_RUN_DIRECTORY', `${paths.state}/`)) await endGroup(run.pid);
    const left = await killLeft(() => processesWith(sandboxVariable, sandboxFolder));
    children.forget();
    return left;
  };
  try {
    for (const line of ensureSystemPackages(['logrotate'])) console.log(`Not installed: ${line}`);
    step('Building');
    build();
    const before = readPorts(paths.ports);
    const ports = await choosePorts(paths.ports, portNames);

    step('PostgreSQL with a bloated table');
    const database = await startDatabase(ports.postgres);
    children.remember(database.pid, 'SIGINT');
    parts.push(database.stop);
    await fillDatabase(database.url);
    stopped.throwIfAborted();

    step('HTTPS services with certificates of several ages');
    const https = await startServices(paths, ports);
    parts.push(https.stop);

    step('An application that writes a log');
    parts.push(startLog(children));

    writeWorkspace(ports, before);
    step('The agent');
    const environment = { [passwordVariable]: database.password };
    const agent = await startAgent(children, ports.agent, environment);
    parts.push(agent.stop);
    stopped.throwIfAborted();
    return { agent, databaseUrl: database.url, environment, children, ports, stop };
  } catch (error) {
    await stop();
    throw stopped.aborted ? new Error('Stopped.') : error;
  }
}

function build(): void {
  const result = spawnSync(process.execPath, ['esbuild.mjs'], { cwd: repository, stdio: 'inherit' });
  if (result.status !== 0) throw new Error('The build failed: see the messages above.');
}

/** Starts the writer of shop.log, which begins large enough to be due for rotation. */
function startLog(children: Children): () => Promise<void> {
  mkdirSync(paths.logs, { recursive: true, mode: 0o755 });
  const log = join(paths.logs, 'shop.log');
  if (!existsSync(log) || statSync(log).size < 64 * 1024) {
    const line = `${new Date().toISOString()} INFO  web: GET /orders/1 200 in 12 ms\n`;
    writeFileSync(log, line.repeat(1500), { flag: 'a' });
  }
  const writer = join(repository, 'test', 'sandbox', 'appLog.ts');
  const args = [...process.execArgv, writer, log, join(paths.logs, 'shop.pid')];
  const child = children.start(process.execPath, args, ['pipe', 'ignore', 'inherit']);
  return async () => {
    child.stdin?.end();
    if (child.pid !== undefined) await endGroup(child.pid);
  };
}

function step(what: string): void {
  console.log(`▸ ${what} …`);
}

function report(error: unknown): void {
  console.error(`While stopping: ${messageOf(error)}`);
}
