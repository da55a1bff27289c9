/** `upkeep serve`: the agent itself. */
import { once } from 'node:events';
import { resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import type { Command } from 'commander';
import { pino, type Logger } from 'pino';
import { Agent } from '../agent.ts';
import { AgentStoppedError } from '../agentOptions.ts';
import { procedures } from '../procedures/index.ts';
import { systemClock } from '../schedule/clock.ts';
import { formatAddress, parseListenAddress, type ListenAddress } from '../server/listenAddress.ts';
import { SystemdNotify } from '../systemd/notify.ts';
import { UsageError } from './errors.ts';
import type { Io } from './io.ts';
import { defaultConfigFile, defaultStateDirectory, socketIn } from './paths.ts';
import { listenForSignals, type Signals } from './signals.ts';

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

/** Longest time in which the agent may put its things in order; runs are not waited for. */
const drainMs = 10_000;

/** V8 would let the young generation grow to 48 MB under a flood and keep it; what an agent makes is small and short-lived. */
const smallYoungGeneration = '--semi-space-growth-factor=1';
/** Once it is up, little is made and all of it is small: V8 then keeps little room beside what it has (3 MB of an idle agent). Earlier, it would cost a fifth of the start. */
const smallHeap = '--optimize-for-size';

async function serve(options: ServeOptions, io: Io): Promise<void> {
  setFlagsFromString(smallYoungGeneration);
  const { lifetime } = options;
  if (lifetime !== 'signals' && lifetime !== 'stdin') {
    throw new UsageError(`--lifetime ${lifetime}: give "signals" or "stdin".`);
  }
  const log = createLog(options.logLevel, io);
  const systemd = new SystemdNotify({ environment: io.env, clock: systemClock, log, pid: process.pid });
  // Before anything else: a signal in the first moment must not end the process half-way.
  const service = new Service(log, systemd);
  try {
    const agent = createAgent(options, io, log);
    const drained = service.endOf(lifetime).then((because) => {
      log.info({ because }, 'stopping');
      void systemd.stopping();
      return service.drain(agent);
    });
    const up = agent.start().then(() => service.up(agent, io));
    io.exitCode = await Promise.race([drained, failureOf(up)]);
  } finally {
    service.dispose();
    await systemd.stop();
  }
}

/** One line of JSON for each entry on standard error, masked whatever the field. */
function createLog(level: string, { secrets }: Io): Logger {
  const stderr = pino.destination({ dest: 2, sync: true });
  const masked = { write: (line: string) => stderr.write(secrets.masker.json(line)) };
  return pino({ level, base: { pid: process.pid } }, masked);
}

/** Only ever rejects; a start that a signal broke off is no failure. */
async function failureOf(up: Promise<void>): Promise<never> {
  await up.catch((error: unknown) => {
    if (!(error instanceof AgentStoppedError)) throw error;
  });
  return new Promise<never>(() => undefined);
}

function createAgent(options: ServeOptions, io: Io, log: Logger): Agent {
  const stateDirectory = resolve(options.state ?? defaultStateDirectory(io.env));
  return new Agent({
    configFile: resolve(options.config ?? defaultConfigFile(io.env)),
    stateDirectory,
    listen: parseListen(options.listen),
    socketPath: options.socket === 'none' ? null : resolve(options.socket ?? socketIn(stateDirectory)),
    procedures,
    environment: io.env,
    clock: systemClock,
    log,
    secrets: io.secrets,
  });
}

/** Signals and systemd around a running agent. */
class Service {
  readonly #log: Logger;
  readonly #systemd: SystemdNotify;
  readonly #signals: Signals;
  #agent: Agent | null = null;
  #reloadWanted = false;
  #stopping = false;

  constructor(log: Logger, systemd: SystemdNotify) {
    this.#log = log;
    this.#systemd = systemd;
    this.#signals = listenForSignals({
      onReload: () => {
        this.#reload();
      },
      onIgnored: (signal) => {
        log.info({ signal }, 'a signal without meaning for the agent');
      },
    });
  }

  /** Resolves with the reason when the agent is to stop. */
  async endOf(lifetime: 'signals' | 'stdin'): Promise<string> {
    const reasons: Promise<string>[] = [this.#signals.stop];
    if (lifetime === 'stdin') {
      reasons.push(once(process.stdin.resume(), 'close').then(() => 'standard input has ended'));
    }
    const because = await Promise.race(reasons);
    this.#stopping = true;
    return because;
  }

  /** The agent has started: says so on stdout, in one line, and to systemd. */
  async up(agent: Agent, io: Io): Promise<void> {
    this.#agent = agent;
    setFlagsFromString(smallHeap);
    const { tcp, socket } = agent.addresses();
    const listen = tcp === null ? null : formatAddress(tcp);
    const { stateDirectory: state } = agent;
    const { certificateFingerprint: fingerprint } = agent.hostInfo();
    io.stdout.write(`${JSON.stringify({ ready: true, pid: process.pid, listen, socket, state, fingerprint })}\n`);
    await this.#systemd.ready(`listening on ${listen ?? socket ?? 'nothing'}`);
    if (this.#reloadWanted) this.#reload();
  }

  /** Resolves with the exit code: 0 when all was put in order, 1 when it took too long or a second signal came. */
  async drain(agent: Agent): Promise<number> {
    const going = agent.openRuns().length;
    let disarm = (): void => undefined;
    const late = new Promise<string>((resolveLate) => {
      disarm = systemClock.after(drainMs, () => {
        resolveLate(`it took longer than ${drainMs / 1000} s`);
      });
    });
    const early = this.#signals.atOnce.then((signal) => `a second signal came (${signal})`);
    const hurry = await Promise.race([agent.stop().then(() => null), late, early]);
    disarm();
    if (hurry === null) this.#log.info({ runsGoingOn: going }, 'stopped');
    else this.#log.warn({ runsGoingOn: going }, `ending at once: ${hurry}; the next agent takes over`);
    return hurry === null ? 0 : 1;
  }

  dispose(): void {
    this.#signals.dispose();
  }

  #reload(): void {
    if (this.#stopping) return;
    const agent = this.#agent;
    if (agent === null) {
      this.#reloadWanted = true;
      return;
    }
    this.#reloadWanted = false;
    void (async () => {
      await this.#systemd.reloading();
      await agent.keeper.reload();
      const { stale, revision } = agent.keeper.state();
      this.#log.info({ stale, revision }, 'the configuration was read again');
      await this.#systemd.ready(
        stale ? 'the last good configuration stays in force' : 'the configuration was read again',
      );
    })();
  }
}

function parseListen(text: string | undefined): ListenAddress | null | undefined {
  if (text === undefined) return undefined;
  if (text === 'none') return null;
  const address = parseListenAddress(text);
  if (address === null) throw new UsageError(`--listen ${text}: give HOST:PORT, such as 127.0.0.1:7433, or "none".`);
  return address;
}
