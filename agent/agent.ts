/** Composition root of the agent: parts are built in the order of the data's way, started forward and stopped backward. */
import { mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { ConfigKeeper } from './config/keeper.ts';
import type { CheckConfig, Config } from './config/schema.ts';
import { EventBus } from './events.ts';
import { Alerts } from './monitor/alerts.ts';
import { Checks } from './monitor/checks.ts';
import { createMetrics } from './monitor/metrics.ts';
import { Notifier } from './monitor/notify/notifier.ts';
import type { AlertLevel } from './monitor/problems.ts';
import { Reports } from './monitor/reports.ts';
import { metricsSource } from './monitor/taskMetrics.ts';
import type { AnyProcedure } from './procedures/define.ts';
import type { HostInfo, Report, Run } from './protocol/nouns.ts';
import { childEnvironment, selfCommand, variablesOf } from './run/command.ts';
import { Runner } from './run/runner.ts';
import { RunbookLibrary } from './runbook/library.ts';
import type { Clock } from './schedule/clock.ts';
import { Scheduler } from './schedule/scheduler.ts';
import { alertOn, Tasks } from './schedule/tasks.ts';
import { createHandlers } from './server/handlers.ts';
import { parseListenAddress, type ListenAddress } from './server/listenAddress.ts';
import { createServer, type AgentServer } from './server/server.ts';
import { StoredTokens } from './server/storedTokens.ts';
import { Database } from './store/database.ts';
import { lockState } from './store/stateLock.ts';
import { version } from './version.ts';
import { Windows } from './window/windows.ts';

export interface AgentOptions {
  /** Null = the agent runs without tasks until there is one. */
  readonly configFile: string;
  readonly stateDirectory: string;
  /** Undefined = what the configuration says; null = no TCP port. */
  readonly listen: ListenAddress | null | undefined;
  readonly socketPath: string | null;
  readonly procedures: ReadonlyMap<string, AnyProcedure>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Logger;
}

const defaultListen: ListenAddress = { host: '127.0.0.1', port: 7433 };

export class Agent {
  readonly clock: Clock;
  readonly procedures: ReadonlyMap<string, AnyProcedure>;
  readonly runsRoot: string;
  readonly keeper: ConfigKeeper;
  readonly database: Database;
  readonly events: EventBus;
  readonly runner: Runner;
  readonly tasks: Tasks;
  readonly windows: Windows;
  readonly alerts: Alerts;
  readonly reports: Reports;
  readonly checks: Checks;
  readonly library: RunbookLibrary;
  readonly #scheduler: Scheduler;
  readonly #notifier: Notifier;
  readonly #tokens: StoredTokens;
  readonly #options: AgentOptions;
  readonly #unlock: () => void;
  readonly #startedAt: number;
  readonly #self = selfCommand();
  #server: AgentServer | null = null;
  #stopping = false;

  constructor(options: AgentOptions) {
    const { clock, log, stateDirectory, procedures } = options;
    this.#options = options;
    this.clock = clock;
    this.procedures = procedures;
    this.#startedAt = clock.now();
    mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
    this.#unlock = lockState(stateDirectory);
    this.runsRoot = join(stateDirectory, 'runs');
    const { environment } = options;
    this.keeper = new ConfigKeeper({ file: options.configFile, stateDirectory, env: environment, procedures, log });
    this.database = new Database(join(stateDirectory, 'upkeep.db'));
    this.events = new EventBus(this.database, () => clock.now());
    this.runner = new Runner({
      database: this.database,
      events: this.events,
      clock,
      log,
      root: this.runsRoot,
      cwd: () => this.#config().baseDirectory,
      environment: () => this.#childEnvironment(),
    });
    this.#scheduler = new Scheduler({
      database: this.database,
      clock,
      log,
      onDue: (due) => {
        this.tasks.runDue(due);
        this.#announceTasks();
      },
    });
    this.tasks = this.#createTasks();
    this.#notifier = new Notifier({ host: hostname(), settings: () => this.#config().notifications, log });
    this.alerts = new Alerts({
      database: this.database,
      events: this.events,
      clock,
      inWindow: () => this.windows.active().length > 0,
      noteHeld: (count) => {
        this.windows.noteHeld(count);
      },
      notify: (alert) => {
        this.#notifier.send(alert);
      },
    });
    this.reports = new Reports({
      database: this.database,
      events: this.events,
      alerts: this.alerts,
      levelOf: (report) => this.#alertLevelOf(report),
    });
    this.checks = this.#createChecks();
    this.windows = this.#createWindows();
    this.library = new RunbookLibrary({ directories: [], log });
    this.#tokens = new StoredTokens(this.database, clock, stateDirectory);
    this.runner.onEnded((ended) => {
      this.reports.ofRun(ended);
    });
    this.library.onChange(() => {
      this.events.emit('runbooks.changed', { runbooks: [...this.library.list()] });
    });
  }

  /** Rejects with one clear sentence when the agent can not work; nothing is left running or listening then. */
  async start(): Promise<void> {
    try {
      await this.keeper.start();
      this.keeper.onChange(() => {
        this.#applyConfig();
      });
      this.#applyConfig();
      await this.runner.start();
      this.windows.start();
      await this.library.start();
      this.#server = this.#createServer();
      await this.#server.start();
      this.#tokens.start();
      this.events.emit('agent.started', { startedAt: new Date(this.#startedAt).toISOString(), version });
      this.#scheduler.start();
      void this.checks.start().then(() => {
        this.#release();
      });
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Runs go on; the next agent adopts them. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#scheduler.stop();
    this.#tokens.stop();
    await this.#server?.stop();
    await this.checks.stop();
    this.library.stop();
    this.windows.stop();
    this.runner.stop();
    await this.keeper.stop();
    await this.#notifier.stop();
    this.database.close();
    this.#unlock();
  }

  /** Where clients reach it. */
  addresses(): ReturnType<AgentServer['addresses']> {
    return this.#server?.addresses() ?? { tcp: null, socket: null };
  }

  readonly hostInfo = (): HostInfo => ({
    name: this.#config().host_name ?? hostname(),
    platform: `${process.platform}-${process.arch}`,
    agentVersion: version,
    pid: process.pid,
    startedAt: new Date(this.#startedAt).toISOString(),
  });

  #config(): Config {
    return this.keeper.current();
  }

  #applyConfig(): void {
    const config = this.#config();
    this.#scheduler.setTasks(config.tasks);
    const checks = config.checks ?? defaultChecks(config);
    this.checks.setChecks(checks);
    this.library.setDirectories(config.runbooks.directories);
    this.reports.keepOnly(
      new Set([...config.tasks.map((task) => `task:${task.name}`), ...checks.map((check) => `check:${check.name}`)]),
    );
    this.database.transaction(() => {
      this.events.emit('config.changed', { config: this.keeper.state() });
      this.#announceTasks();
    });
  }

  /** After a window: what was held is looked at again first, so that people hear of what is still wrong. */
  async #releaseAlerts(): Promise<void> {
    if (this.windows.active().length > 0) return;
    await this.checks.refresh();
    this.#release();
  }

  #release(): void {
    if (!this.#stopping) this.alerts.release();
  }

  /** A failed task is told as such; its findings then say why, and are no alerts of their own. */
  #alertLevelOf({ id, outcome }: Report): AlertLevel {
    if (id.startsWith('check:')) return 'critical';
    const task = this.#config().tasks.find(({ name }) => id === `task:${name}`);
    if (task === undefined || outcome === 'failed') return null;
    const from = alertOn(task);
    return from === 'nothing' ? null : from === 'warning' ? 'warning' : 'critical';
  }

  #announceTasks(): void {
    this.events.emit('tasks.changed', { tasks: [...this.tasks.list()] });
  }

  #childEnvironment(): Readonly<Record<string, string | undefined>> {
    const { environment, stateDirectory } = this.#options;
    return {
      ...childEnvironment(environment, variablesOf(this.keeper.text())),
      UPKEEP_CONFIG: this.keeper.currentFile(),
      UPKEEP_CONFIG_BASE: this.#config().baseDirectory,
      UPKEEP_STATE: stateDirectory,
    };
  }

  #createTasks(): Tasks {
    const { clock, log, procedures } = this.#options;
    return new Tasks({
      database: this.database,
      runner: this.runner,
      clock,
      log,
      procedures,
      config: () => this.#config(),
      refused: () => this.keeper.refused(),
      nextRunOf: (task) => this.#scheduler.nextRunOf(task),
      self: this.#self,
      cwd: () => this.#config().baseDirectory,
    });
  }

  #createChecks(): Checks {
    const { clock, log, stateDirectory } = this.#options;
    return new Checks({
      clock,
      log,
      root: join(stateDirectory, 'checks'),
      command: (check: CheckConfig) => this.tasks.procedureCommand(check.procedure, check.options ?? {}, false),
      environment: () => this.#childEnvironment(),
      cwd: () => this.#config().baseDirectory,
      onResult: ({ check, at, findings, end }) => {
        this.reports.ofCheck(check.name, check.procedure, new Date(at).toISOString(), end, findings);
      },
    });
  }

  #createWindows(): Windows {
    const { clock, log, stateDirectory } = this.#options;
    return new Windows({
      database: this.database,
      events: this.events,
      clock,
      log,
      directory: stateDirectory,
      flagFile: () => this.#config().mode.flag_file ?? join(stateDirectory, 'maintenance.flag'),
      runPlan: (window, onStarted) => {
        const stillOpen = (): boolean => this.windows.active().some((active) => active.id === window.id);
        this.tasks.runPlan(window, stillOpen, onStarted).catch((error: unknown) => {
          log.error({ window: window.id, error }, 'the plan of a window could not go on');
        });
      },
      onClosed: () => {
        void this.#releaseAlerts();
      },
    });
  }

  #createServer(): AgentServer {
    const { listen, socketPath, log } = this.#options;
    const source = metricsSource({
      database: this.database,
      alerts: this.alerts,
      windows: this.windows,
      sessions: () => this.#server?.sessionCount() ?? 0,
    });
    let prefix = this.#config().metrics.prefix;
    let metrics = createMetrics(prefix, source);
    const readMetrics = (): ReturnType<typeof metrics.read> => {
      // A reload may have changed the prefix.
      if (this.#config().metrics.prefix !== prefix) {
        prefix = this.#config().metrics.prefix;
        metrics = createMetrics(prefix, source);
      }
      return metrics.read();
    };
    return createServer({
      listen: listen === undefined ? configuredListen(this.#config().server.listen) : listen,
      socketPath,
      handlers: createHandlers(this),
      events: this.events,
      tokens: this.#tokens,
      hostInfo: this.hostInfo,
      metrics: readMetrics,
      log,
    });
  }

  /** Runs that are going on now; for the message at the end of `serve`. */
  openRuns(): readonly Run[] {
    return this.runner.openRuns();
  }
}

function configuredListen(text: string | undefined): ListenAddress | null {
  if (text === undefined) return defaultListen;
  return text === 'none' ? null : parseListenAddress(text);
}

/** What is looked at when the file names no checks. */
function defaultChecks(config: Config): readonly CheckConfig[] {
  const health: CheckConfig = { name: 'health', procedure: 'health-check', every: 5 * 60_000 };
  const { paths, endpoints } = config.certificates;
  if (paths.length + endpoints.length === 0) return [health];
  return [health, { name: 'certificates', procedure: 'check-certificates', every: 6 * 3_600_000 }];
}
