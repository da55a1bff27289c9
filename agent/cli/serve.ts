/** `upkeep serve`: the agent itself. */
import { once } from 'node:events';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { pino } from 'pino';
import { Agent } from '../agent.ts';
import { procedures } from '../procedures/index.ts';
import { systemClock } from '../schedule/clock.ts';
import { parseListenAddress, type ListenAddress } from '../server/listenAddress.ts';
import { UsageError } from './errors.ts';
import type { Io } from './io.ts';
import { defaultConfigFile, defaultStateDirectory, socketIn } from './paths.ts';

interface ServeOptions {
  readonly config?: string;
  readonly state?: string;
  readonly listen?: string;
  readonly socket?: string;
  readonly lifetime: string;
  readonly logLevel: string;
}

export function registerServe(program: Command, io: Io): void {
  program
    .command('serve')
    .summary('run the agent')
    .description('Runs the agent: schedules, runs and watches the tasks of the configuration until it is told to stop.')
    .option('--config <file>', 'configuration')
    .option('--state <dir>', 'folder for runs, history and tokens')
    .option('--listen <host:port>', 'TCP address, or "none"')
    .option('--socket <path>', 'Unix socket, or "none"')
    .option(
      '--lifetime <signals|stdin>',
      'what ends the agent: signals, or also the end of its standard input',
      'signals',
    )
    .option('--log-level <level>', 'trace, debug, info, warn, error', 'info')
    .action(async (options: ServeOptions) => {
      await serve(options, io);
    });
}

async function serve(options: ServeOptions, io: Io): Promise<void> {
  const stateDirectory = resolve(options.state ?? defaultStateDirectory(io.env));
  const socketPath = options.socket === 'none' ? null : resolve(options.socket ?? socketIn(stateDirectory));
  const log = pino({ level: options.logLevel, base: { pid: process.pid } }, pino.destination({ dest: 2, sync: true }));
  const stopping = stopRequested(options.lifetime);
  const agent = new Agent({
    configFile: resolve(options.config ?? defaultConfigFile(io.env)),
    stateDirectory,
    listen: parseListen(options.listen),
    socketPath,
    procedures,
    environment: io.env,
    clock: systemClock,
    log,
  });
  await agent.start();
  const { tcp, socket } = agent.addresses();
  const listen = tcp === null ? null : `${tcp.host}:${tcp.port}`;
  io.stdout.write(`${JSON.stringify({ ready: true, pid: process.pid, listen, socket, state: stateDirectory })}\n`);
  const onHangup = (): void => {
    void agent.keeper.reload();
  };
  process.on('SIGHUP', onHangup);
  log.info({ because: await stopping }, 'stopping');
  process.off('SIGHUP', onHangup);
  const going = agent.openRuns().length;
  await agent.stop();
  log.info({ runsGoingOn: going }, 'stopped');
}

/** Resolves with the reason when the agent is to stop. */
async function stopRequested(lifetime: string): Promise<string> {
  if (lifetime !== 'signals' && lifetime !== 'stdin') {
    throw new UsageError(`--lifetime ${lifetime}: give "signals" or "stdin".`);
  }
  const reasons = ['SIGTERM', 'SIGINT'].map((signal) => once(process, signal).then(() => signal));
  if (lifetime === 'stdin') {
    reasons.push(once(process.stdin.resume(), 'close').then(() => 'standard input has ended'));
  }
  return Promise.race(reasons);
}

function parseListen(text: string | undefined): ListenAddress | null | undefined {
  if (text === undefined) return undefined;
  if (text === 'none') return null;
  const address = parseListenAddress(text);
  if (address === null) throw new UsageError(`--listen ${text}: give HOST:PORT, such as 127.0.0.1:7433, or "none".`);
  return address;
}
