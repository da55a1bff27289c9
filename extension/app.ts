/** Composition root of the extension: parts in the order of the data, `start` forward, `stop` backward. */
import * as vscode from 'vscode';
import { Announcer } from './announcer.ts';
import { CertificateTrust } from './certificateTrust.ts';
import { approvalCommands } from './commands/approvalCommands.ts';
import { certificateCommands } from './commands/certificateCommands.ts';
import { certificateLooks } from './commands/certificateLooks.ts';
import { configurationCommands } from './commands/configurationCommands.ts';
import { hostCommands } from './commands/hostCommands.ts';
import { procedureCommands } from './commands/procedureCommands.ts';
import { runbookCommands } from './commands/runbookCommands.ts';
import { runCommands } from './commands/runCommands.ts';
import { scheduleCommands } from './commands/scheduleCommands.ts';
import { StartedRuns } from './commands/startedRuns.ts';
import { taskCommands } from './commands/taskCommands.ts';
import { windowCommands } from './commands/windowCommands.ts';
import { ConfigurationProblems } from './configurationProblems.ts';
import { Dashboard } from './dashboard/dashboard.ts';
import { dialHost } from './dialHost.ts';
import { editorDialogs } from './editorDialogs.ts';
import { commandIds, settingIds } from './ids.ts';
import { LocalAgent } from './localAgent.ts';
import { LocalConfiguration } from './localConfiguration.ts';
import { localPlaces } from './localPlaces.ts';
import { OutputFiles } from './output/outputFiles.ts';
import { outputSource } from './output/outputSource.ts';
import { RunDetails } from './output/runDetails.ts';
import { RunEditors } from './output/runEditors.ts';
import { RunReports } from './output/runReports.ts';
import { registerCommands, type Handlers } from './registrar.ts';
import { RunbookLenses } from './runbook/codeLens.ts';
import { runbookSelector } from './runbook/documents.ts';
import { HostRunbooks } from './runbook/hostRunbooks.ts';
import { WorkspaceRunbooks } from './runbook/workspaceRunbooks.ts';
import { localName, settings } from './settings.ts';
import { Host, type HostDefinition } from './state/host.ts';
import { Hosts } from './state/hosts.ts';
import { StoredPins } from './storedPins.ts';
import { Tokens } from './tokens.ts';
import { Views } from './views/views.ts';

export class App {
  readonly #context: vscode.ExtensionContext;
  readonly #log = vscode.window.createOutputChannel('Upkeep', { log: true });
  readonly #tokens: Tokens;
  readonly #pins: StoredPins;
  readonly #configuration = new LocalConfiguration();
  readonly #localAgent: LocalAgent;
  readonly #hosts: Hosts;
  readonly #workspaceRunbooks: WorkspaceRunbooks;
  readonly #editors: RunEditors;
  readonly #reports: RunReports;
  readonly #started: StartedRuns;
  readonly #views: Views;
  readonly #lenses: RunbookLenses;
  readonly #dashboard: Dashboard;
  readonly #parts: { readonly dispose: () => unknown }[] = [];
  #stopping: Promise<void> | null = null;

  constructor(context: vscode.ExtensionContext) {
    this.#context = context;
    this.#tokens = new Tokens(context.secrets);
    this.#pins = new StoredPins(context.globalState);
    this.#localAgent = this.#createLocalAgent();
    const { version } = context.extension.packageJSON as { readonly version: string };
    const trust = new CertificateTrust({
      pins: this.#pins,
      dialogs: editorDialogs,
      forget: (host) => void vscode.commands.executeCommand(commandIds.forgetCertificate, { kind: 'host', host }),
    });
    const dialing = { tokens: this.#tokens, trust, localAgent: this.#localAgent };
    this.#hosts = new Hosts((definition) => {
      const dial = (): ReturnType<typeof dialHost> => dialHost(definition, dialing);
      return new Host(definition, `vscode-upkeep/${version}`, dial, this.#log);
    });
    this.#workspaceRunbooks = new WorkspaceRunbooks(settings.runbooksInclude, this.#log);
    this.#editors = new RunEditors(this.#hosts);
    this.#reports = new RunReports(this.#hosts);
    this.#started = new StartedRuns(this.#hosts, editorDialogs, this.#editors.openOutput, this.#reports.open);
    this.#views = new Views(this.#hosts, () => this.#workspaceRunbooks.all);
    this.#lenses = new RunbookLenses(this.#hosts, settings.runbooksCodeLens);
    this.#dashboard = new Dashboard({ extensionUri: context.extensionUri, hosts: this.#hosts, log: this.#log });
    this.#parts.push(
      this.#log,
      this.#configuration,
      this.#workspaceRunbooks,
      new OutputFiles((name) => outputSource(this.#hosts, name)),
      new RunDetails(this.#hosts),
      new HostRunbooks(this.#hosts),
      this.#editors,
      this.#reports,
      this.#started,
      this.#views,
      this.#lenses,
      this.#dashboard,
      vscode.languages.registerCodeLensProvider(runbookSelector, this.#lenses),
      registerCommands(this.#handlers(), editorDialogs, this.#log),
      this.#createAnnouncer(),
      new ConfigurationProblems(this.#hosts),
    );
  }

  async start(): Promise<void> {
    this.#parts.push(
      this.#configuration.onDidChange(() => void this.#changeConfiguration()),
      this.#workspaceRunbooks.onDidChange(() => {
        this.#views.refresh();
      }),
      vscode.workspace.onDidChangeConfiguration((change) => {
        this.#applySettings(change);
      }),
      vscode.workspace.onDidGrantWorkspaceTrust(() => {
        this.#hosts.get(localName)?.client.reconnect();
        this.#lenses.refresh();
      }),
      new vscode.Disposable(this.#refreshLensesWithHosts()),
    );
    this.#views.refresh();
    this.#defineHosts();
    await Promise.all([this.#configuration.find(), this.#workspaceRunbooks.load()]);
  }

  /** Idempotent; callers share the pending promise. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#hosts.stop();
    await this.#localAgent.stop();
    for (const part of this.#parts.splice(0).reverse()) part.dispose();
  }

  #createLocalAgent(): LocalAgent {
    const { workspaceFile, workspaceFolders } = vscode.workspace;
    const workspace = (workspaceFile ?? workspaceFolders?.[0]?.uri)?.toString() ?? '';
    return new LocalAgent({
      program: process.execPath,
      script: vscode.Uri.joinPath(this.#context.extensionUri, 'dist', 'agent.mjs').fsPath,
      ...localPlaces(this.#context.globalStorageUri.fsPath, workspace),
      configFile: () => this.#configuration.file?.fsPath ?? null,
      refusal: () =>
        vscode.workspace.isTrusted ? null : 'this workspace is not trusted, so its local agent is not started',
      log: this.#log,
    });
  }

  #createAnnouncer(): Announcer {
    return new Announcer({
      hosts: this.#hosts,
      dialogs: editorDialogs,
      level: settings.notifications,
      showAlerts: () => void vscode.commands.executeCommand('upkeep.health.focus'),
      run: (command, target) => void vscode.commands.executeCommand(commandIds[command], target),
    });
  }

  #handlers(): Handlers {
    const asking = { hosts: this.#hosts, dialogs: editorDialogs };
    const tell = (text: string): void => {
      this.#started.tell(text);
    };
    const procedures = { asking, started: this.#started, openOutput: this.#editors.openOutput };
    const starter = vscode.Uri.joinPath(this.#context.extensionUri, 'media', 'starter');
    return {
      ...taskCommands(asking, this.#started),
      ...scheduleCommands(asking, tell),
      ...approvalCommands(asking, tell),
      ...procedureCommands(procedures),
      ...certificateCommands(procedures),
      ...certificateLooks(asking, (id) => this.#views.reveal('certificates', id)),
      ...runCommands(asking, this.#editors, this.#reports.open),
      ...windowCommands(asking),
      ...runbookCommands(asking, () => this.#workspaceRunbooks.all, this.#editors, this.#started),
      ...hostCommands({
        ...asking,
        tokens: this.#tokens,
        pins: this.#pins,
        showLog: () => {
          this.#log.show();
        },
      }),
      ...this.#dashboard.handlers,
      ...configurationCommands(asking, starter, () => this.#configuration.file),
    };
  }

  /** The local host is there when there is a configuration for it. */
  #defineHosts(): void {
    const local: HostDefinition[] = this.#configuration.file === null ? [] : [{ name: localName, url: 'local' }];
    this.#hosts.define([...local, ...settings.hosts()]);
    for (const host of this.#hosts.all) host.client.start();
  }

  /** Another file is the configuration now: the agent takes it at its start. */
  async #changeConfiguration(): Promise<void> {
    const running = this.#localAgent.pid !== null;
    this.#defineHosts();
    if (!running) return;
    await this.#localAgent.stop();
    if (this.#configuration.file !== null) this.#hosts.get(localName)?.client.reconnect();
  }

  #applySettings(change: vscode.ConfigurationChangeEvent): void {
    if (change.affectsConfiguration(settingIds.hosts)) this.#defineHosts();
    if (change.affectsConfiguration(settingIds.localConfigFile) || change.affectsConfiguration(settingIds.localEnabled))
      void this.#configuration.find();
    if (change.affectsConfiguration(settingIds.runbooksInclude)) void this.#workspaceRunbooks.load();
    if (change.affectsConfiguration(settingIds.runbooksCodeLens)) this.#lenses.refresh();
  }

  /** Lenses name the connected hosts: they change when those do, not with every event. */
  #refreshLensesWithHosts(): () => void {
    let shown = '';
    return this.#hosts.onDidChange(() => {
      const online = this.#hosts.all.filter((host) => host.client.state.kind === 'online').map((host) => host.name);
      const key = JSON.stringify(online);
      if (key === shown) return;
      shown = key;
      this.#lenses.refresh();
    });
  }
}
