/** Composition root of the agent: parts are built in the order of the data's way, started forward and stopped backward. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { ConfigKeeper } from './config/keeper.ts';
import type { CheckConfig, Config } from './config/schema.ts';
import { defaultChecks } from './defaults.ts';
import { EventBus } from './events.ts';
import { AgentStoppedError, type AgentOptions } from './agentOptions.ts';
import { alertLevelOf } from './monitor/alertLevel.ts';
import { Alerts } from './monitor/alerts.ts';
import { logsInForce, retentionInForce } from './monitor/historyHold.ts';
import { tellOfMistakes } from './monitor/mistakeAlerts.ts';
import { Checks } from './monitor/checks.ts';
import { Notifier } from './monitor/notify/notifier.ts';
import type { AlertLevel } from './monitor/problems.ts';
import { Reports } from './monitor/reports.ts';
import { StoreWatch } from './monitor/storeWatch.ts';
import { metricsReader, metricsSource } from './monitor/taskMetrics.ts';
import type { AnyProcedure } from './procedures/define.ts';
import type { HostInfo, Report, Run } from './protocol/nouns.ts';
import { agentEnvironment, checkCommand, selfCommand } from './run/command.ts';
import { MaskAtRest } from './run/maskAtRest.ts';
import { Runner } from './run/runner.ts';
import { RunbookLibrary } from './runbook/library.ts';
import { calendarOf } from './schedule/blackoutsInForce.ts';
import type { Clock } from './schedule/clock.ts';
import { Holds } from './schedule/holds.ts';
import { Scheduler } from './schedule/scheduler.ts';
import { Tasks } from './schedule/tasks.ts';
import { Seal } from './secrets/seal.ts';
import type { Secrets } from './secrets/secrets.ts';
import { createHandlers } from './server/handlers.ts';
import { openServer, type OpenServer } from './server/openServer.ts';
import type { AgentServer } from './server/server.ts';
import { StoredTokens } from './server/storedTokens.ts';
import type { Database } from './store/database.ts';
import { openStore } from './store/openStore.ts';
import { Retention } from './store/retention.ts';
import { makeStateFolder } from './store/stateFolder.ts';
import { lockState } from './store/stateLock.ts';
import { storeCheck } from './store/storeCheck.ts';
import { version } from './version.ts';
import { flagFileOf } from './window/flagFile.ts';
import { Windows } from './window/windows.ts';

export class Agent {
  readonly clock: Clock;
  readonly procedures: ReadonlyMap<string, AnyProcedure>;
  readonly secrets: Secrets;
  readonly runsRoot: string;
  readonly keeper: ConfigKeeper;
  readonly database: Database;
  readonly events: EventBus;
  readonly runner: Runner;
  readonly holds: Holds;
  readonly tasks: Tasks;
  readonly windows: Windows;
  readonly alerts: Alerts;
  readonly reports: Reports;
  readonly checks: Checks;
  readonly library: RunbookLibrary;
  readonly #scheduler: Scheduler;
  readonly #notifier: Notifier;
  readonly #tokens: StoredTokens;
  readonly #retention: Retention;
  readonly #atRest: MaskAtRest;
  readonly #storeWatch: StoreWatch;
  readonly #options: AgentOptions;
  readonly #unlock: () => void;
  readonly #startedAt: number;
  readonly #self = selfCommand();
  #server: OpenServer | null = null;
  #starting: Promise<void> | null = null;
  #stopping: Promise<void> | null = null;
  #opened = false;
  #closed = false;

  constructor(options: AgentOptions) {
    const { clock, log, secrets, stateDirectory, procedures, environment: env } = options;
    this.#options = options;
    this.secrets = secrets;
    this.clock = clock;
    this.procedures = procedures;
    this.#startedAt = clock.now();
    makeStateFolder(stateDirectory);
    this.#unlock = lockState(stateDirectory, log);
    const repairs: string[] = [];
    try {
      this.database = openStore({
        directory: stateDirectory,
        now: () => clock.now(),
        onRepair: (message) => {
          log.error({}, message);
          if (this.#opened) this.#storeWatch.noteRepair(message);
          else repairs.push(message);
        },
      });
    } catch (error) {
      this.#unlock();
      throw error;
    }
    this.#opened = true;
    this.runsRoot = join(stateDirectory, 'runs');
    this.keeper = new ConfigKeeper({ file: options.configFile, stateDirectory, env, procedures, log, secrets });
    this.events = new EventBus(this.database, () => clock.now());
    this.#atRest = new MaskAtRest({ marks: join(stateDirectory, 'unmasked'), root: this.runsRoot, secrets, log });
    this.runner = this.#createRunner();
    this.holds = new Holds({ database: this.database, events: this.events, clock });
    this.#scheduler = this.#createScheduler();
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
    const { database, events, alerts } = this;
    const levelOf = (report: Report): AlertLevel => alertLevelOf(report, this.#config().tasks);
    this.reports = new Reports({ database, events, alerts, levelOf });
    this.checks = this.#createChecks();
    this.windows = this.#createWindows();
    this.library = new RunbookLibrary({ directories: [], log });
    this.#tokens = new StoredTokens(this.database, clock, stateDirectory);
    this.#retention = new Retention({
      ...{ database, clock, log, root: this.runsRoot },
      settings: () => retentionInForce(this.#config()),
    });
    this.#storeWatch = this.#createStoreWatch(repairs);
    this.runner.onEnded((ended) => {
      this.reports.ofRun(ended);
      this.#atRest.ended(ended.run.id);
      this.#storeWatch.runEnded(ended.run);
    });
    this.library.onChange(() => {
      this.events.emit('runbooks.changed', { runbooks: [...this.library.list()] });
    });
  }

  /** Rejects with one clear sentence when the agent can not work, or was stopped meanwhile; nothing is left running or listening then. */
  start(): Promise<void> {
    this.#starting ??= this.#start().catch(async (error: unknown) => {
      await this.#stop();
      throw error;
    });
    return this.#starting;
  }

  /** Runs go on; the next agent adopts them. A start that is under way is broken off. */
  stop(): Promise<void> {
    this.#stopping ??= (async () => {
      await this.#starting?.catch(() => undefined);
      await this.#stop();
    })();
    return this.#stopping;
  }

  async #start(): Promise<void> {
    this.#goOn();
    await this.keeper.start();
    this.keeper.onChange(() => {
      this.#applyConfig();
    });
    this.#goOn();
    this.#applyConfig();
    this.#storeWatch.start();
    await this.runner.start();
    this.#atRest.start(new Set(this.runner.openRuns().map(({ id }) => id)));
    this.#goOn();
    this.windows.start();
    await this.library.start();
    this.#goOn();
    this.#server = await this.#openServer();
    await this.#server.start();
    this.#goOn();
    this.#tokens.start();
    this.events.emit('agent.started', { startedAt: new Date(this.#startedAt).toISOString(), version });
    this.#scheduler.start();
    void this.checks.start().then(() => {
      this.#release();
    });
    this.#retention.start();
  }

  /** After each wait of the start: somebody may have stopped the agent. */
  #goOn(): void {
    if (this.#stopping !== null) throw new AgentStoppedError('the agent was stopped while it started');
  }

  async #stop(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#scheduler.stop();
    this.#storeWatch.stop();
    this.#tokens.stop();
    await this.#server?.stop();
    await this.#retention.stop();
    await this.checks.stop();
    this.library.stop();
    this.windows.stop();
    this.runner.stop();
    await this.#atRest.stop();
    await this.keeper.stop();
    await this.#notifier.stop();
    const lost = this.database.close();
    if (lost > 0)
      this.#options.log.error({ changes: lost }, 'history that was kept in memory is lost: the disk is full');
    this.#unlock();
  }

  get stateDirectory(): string {
    return this.#options.stateDirectory;
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
    certificateFingerprint: this.#server?.fingerprint() ?? null,
  });

  #config(): Config {
    return this.keeper.current();
  }

  #applyConfig(): void {
    const config = this.#config();
    this.#server?.reload(config.server);
    this.runner.limitsChanged();
    this.#scheduler.setTasks(config.tasks, calendarOf(config));
    const checks = config.checks ?? defaultChecks(config);
    this.checks.setChecks(checks);
    this.library.setDirectories(config.runbooks.directories);
    this.#notifier.prepare();
    tellOfMistakes(config, this.alerts);
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
    if (!this.#closed && this.#stopping === null) this.alerts.release();
  }

  #announceTasks(): void {
    this.events.emit('tasks.changed', { tasks: [...this.tasks.list()] });
  }

  #createRunner(): Runner {
    return new Runner({
      ...this.#options,
      database: this.database,
      events: this.events,
      seal: new Seal(() => this.keeper.namedSecrets()),
      onBegin: (runId) => {
        this.#atRest.begin(runId);
      },
      root: this.runsRoot,
      cwd: () => this.#config().baseDirectory,
      environment: () => agentEnvironment(this.#options, this.keeper, this.windows),
      taskEnvironment: (task) => this.#config().tasks.find(({ name }) => name === task)?.env ?? {},
      self: this.#self,
      limits: () => ({ total: this.#config().runs.concurrency, groups: this.#config().runs.groups }),
      outputLimit: () => this.#config().runs.output_limit,
    });
  }

  #createScheduler(): Scheduler {
    const { clock, log } = this.#options;
    const scheduler = new Scheduler({
      database: this.database,
      clock,
      log,
      host: hostname(),
      holds: this.holds,
      onDue: (due) => {
        this.tasks.runDue(due);
      },
      onNotRun: (item) => {
        this.tasks.recordNotRun(item);
      },
      onMoved: () => {
        this.#announceTasks();
      },
    });
    this.holds.onChange(() => {
      scheduler.refresh();
      this.#announceTasks();
    });
    return scheduler;
  }

  #createTasks(): Tasks {
    return new Tasks({
      ...this.#options,
      database: this.database,
      runner: this.runner,
      config: () => this.#config(),
      refused: () => this.keeper.refused(),
      nextRunOf: (task) => this.#scheduler.nextRunOf(task),
      snoozedUntil: (task) => this.holds.snoozedUntil(task),
      blackoutOf: (task) => this.#scheduler.blackoutOf(task),
      self: this.#self,
      cwd: () => this.#config().baseDirectory,
    });
  }

  #createStoreWatch(repairs: readonly string[]): StoreWatch {
    const { clock, log, stateDirectory: directory } = this.#options;
    const { database, alerts } = this;
    const ways = { sweep: () => this.#retention.sweep(), logs: () => logsInForce(this.#config()) };
    const check = storeCheck(this.#self, directory);
    return new StoreWatch({ database, alerts, clock, log, directory, ...ways, ...check }, repairs);
  }

  #createChecks(): Checks {
    const { clock, log, secrets, stateDirectory } = this.#options;
    return new Checks({
      clock,
      log,
      secrets,
      root: join(stateDirectory, 'checks'),
      command: (check: CheckConfig) => checkCommand(this.#self, check),
      environment: () => agentEnvironment(this.#options, this.keeper, this.windows),
      cwd: () => this.#config().baseDirectory,
      onResult: ({ check, at, findings, end }) => {
        this.reports.ofCheck(check.name, check.procedure, new Date(at).toISOString(), end, findings);
      },
    });
  }

  #createWindows(): Windows {
    const { clock, log, stateDirectory } = this.#options;
    const { database, events } = this;
    return new Windows({
      ...{ database, events, clock, log, directory: stateDirectory },
      flagFile: () => flagFileOf(this.#config(), stateDirectory),
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

  #openServer(): Promise<OpenServer> {
    const source = metricsSource({
      database: this.database,
      alerts: this.alerts,
      windows: this.windows,
      sessions: () => this.#server?.sessionCount() ?? 0,
    });
    return openServer({
      ...this.#options,
      settings: this.#config().server,
      alerts: this.alerts,
      handlers: createHandlers(this),
      events: this.events,
      tokens: this.#tokens,
      hostInfo: this.hostInfo,
      problems: () => this.#storeWatch.problems(),
      metrics: metricsReader(() => this.#config().metrics.prefix, source),
    });
  }

  /** Runs that are going on now; for the message at the end of `serve`. */
  openRuns(): readonly Run[] {
    return this.runner.openRuns();
  }
}
