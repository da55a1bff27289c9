/** Names that package.json declares: commands, views, settings, schemes. A test compares the two. */

export const commandIds = {
  runTask: 'upkeep.runTask',
  dryRunTask: 'upkeep.dryRunTask',
  cancelRun: 'upkeep.cancelRun',
  approveRun: 'upkeep.approveRun',
  rejectRun: 'upkeep.rejectRun',
  snoozeTask: 'upkeep.snoozeTask',
  endSnooze: 'upkeep.endSnooze',
  pauseSchedules: 'upkeep.pauseSchedules',
  resumeSchedules: 'upkeep.resumeSchedules',
  runProcedure: 'upkeep.runProcedure',
  openOutput: 'upkeep.openOutput',
  showRunDetails: 'upkeep.showRunDetails',
  openReport: 'upkeep.openReport',
  runChecks: 'upkeep.runChecks',
  acknowledgeAlert: 'upkeep.acknowledgeAlert',
  runRemedy: 'upkeep.runRemedy',
  verifyCertificate: 'upkeep.verifyCertificate',
  renewCertificate: 'upkeep.renewCertificate',
  deployCertificate: 'upkeep.deployCertificate',
  backUpCertificates: 'upkeep.backUpCertificates',
  restoreCertificates: 'upkeep.restoreCertificates',
  showCertificate: 'upkeep.showCertificate',
  copyFingerprint: 'upkeep.copyFingerprint',
  openCertificateFile: 'upkeep.openCertificateFile',
  startWindow: 'upkeep.startWindow',
  extendWindow: 'upkeep.extendWindow',
  endWindow: 'upkeep.endWindow',
  openRunbook: 'upkeep.openRunbook',
  runBlock: 'upkeep.runBlock',
  addHost: 'upkeep.addHost',
  setToken: 'upkeep.setToken',
  forgetCertificate: 'upkeep.forgetCertificate',
  removeHost: 'upkeep.removeHost',
  reconnect: 'upkeep.reconnect',
  showLog: 'upkeep.showLog',
  openDashboard: 'upkeep.openDashboard',
  createConfiguration: 'upkeep.createConfiguration',
  openConfiguration: 'upkeep.openConfiguration',
  copyValue: 'upkeep.copyValue',
} as const;
export type CommandName = keyof typeof commandIds;

/** Commands that change something on a host or in the workspace: refused in a workspace that is not trusted. */
export const commandsThatNeedTrust: ReadonlySet<CommandName> = new Set([
  'runTask',
  'dryRunTask',
  'cancelRun',
  'approveRun',
  'rejectRun',
  'snoozeTask',
  'endSnooze',
  'pauseSchedules',
  'resumeSchedules',
  'runProcedure',
  'runChecks',
  'acknowledgeAlert',
  'runRemedy',
  'verifyCertificate',
  'renewCertificate',
  'deployCertificate',
  'backUpCertificates',
  'restoreCertificates',
  'startWindow',
  'extendWindow',
  'endWindow',
  'runBlock',
  'createConfiguration',
]);

export const viewIds = {
  tasks: 'upkeep.tasks',
  health: 'upkeep.health',
  certificates: 'upkeep.certificates',
  maintenance: 'upkeep.maintenance',
  runbooks: 'upkeep.runbooks',
} as const;
export type ViewName = keyof typeof viewIds;

export const settingIds = {
  hosts: 'upkeep.hosts',
  localEnabled: 'upkeep.local.enabled',
  localConfigFile: 'upkeep.local.configFile',
  notifications: 'upkeep.notifications',
  runbooksInclude: 'upkeep.runbooks.include',
  runbooksCodeLens: 'upkeep.runbooks.codeLens',
} as const;
export type SettingName = keyof typeof settingIds;

/** Keys of `when` clauses. */
export const contextKeys = {
  /** A workspace configuration or a host is there. */
  hasHosts: 'upkeep.hasHosts',
  /** At least one host is connected. */
  online: 'upkeep.online',
  /** The role on at least one connected host is operator or more; admin. */
  canOperate: 'upkeep.canOperate',
  canAdminister: 'upkeep.canAdminister',
  /** Of the connected hosts one has schedules that run; one has them paused. */
  scheduled: 'upkeep.scheduled',
  paused: 'upkeep.paused',
  /** A task of a connected host is snoozed. */
  snoozed: 'upkeep.snoozed',
  /** A run of a connected host waits for approval, of whomever. */
  approvals: 'upkeep.approvals',
  /** A connected host has the procedure for it. */
  verifiesCertificates: 'upkeep.verifiesCertificates',
  renewsCertificates: 'upkeep.renewsCertificates',
  deploysCertificates: 'upkeep.deploysCertificates',
  backsUpCertificates: 'upkeep.backsUpCertificates',
  restoresCertificates: 'upkeep.restoresCertificates',
  /** Certificates are known of a host. */
  hasCertificates: 'upkeep.hasCertificates',
  /** A maintenance window is open. */
  windowOpen: 'upkeep.windowOpen',
} as const;
export type ContextKeyName = keyof typeof contextKeys;

export const schemes = {
  /** Output of runs: a read-only file system. */
  output: 'upkeep-output',
  /** Details of runs. */
  run: 'upkeep-run',
  /** Reports that runs have written. */
  report: 'upkeep-report',
  /** Runbooks of hosts. */
  runbook: 'upkeep-runbook',
  /** Colours of tree labels; nothing can be opened. */
  tone: 'upkeep-tone',
} as const;

export const statusBarId = 'status';
export const walkthroughId = 'upkeep.start';
