/** The systemd unit of the agent (systemd.service(5), systemd.exec(5), systemd.kill(5)). */

export interface UnitOptions {
  /** argv that starts Upkeep: absolute paths. */
  readonly command: readonly string[];
  /** What the agent itself is to find in its environment; words without spaces. */
  readonly environment: Readonly<Record<string, string>>;
  readonly scope: 'system' | 'user';
  /** User of the service; null = root, or the user of the user manager. */
  readonly user: string | null;
  /** Null = the default place. */
  readonly configFile: string | null;
  /** Null = `StateDirectory=upkeep`. */
  readonly stateDirectory: string | null;
  /** Folders that tasks write to. */
  readonly writable: readonly string[];
  /** True = no systemd-notify on the host: `Type=exec`, without watchdog. */
  readonly plain: boolean;
}

/** First line of what `upkeep systemd unit` prints; `upkeep doctor` finds the version by it. */
export const unitMark = '# Made by Upkeep';

export function systemdUnit(options: UnitOptions, version: string): string {
  const sections = [
    [`${unitMark} ${version}: upkeep systemd unit`],
    unitSection(options),
    ['[Service]', ...serviceLines(options)],
    ['[Install]', `WantedBy=${options.scope === 'user' ? 'default.target' : 'multi-user.target'}`],
  ];
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function unitSection({ scope }: UnitOptions): readonly string[] {
  const after =
    scope === 'system' ? ['Wants=network-online.target', 'After=network-online.target time-sync.target'] : [];
  return [
    '[Unit]',
    'Description=Upkeep agent: scheduled maintenance',
    ...after,
    // A start that fails (a taken port, a second agent) is tried again with pauses, not for ever.
    'StartLimitIntervalSec=300',
    'StartLimitBurst=10',
  ];
}

function serviceLines(options: UnitOptions): readonly string[] {
  const { scope, user, plain, environment } = options;
  return [
    ...(plain
      ? ['Type=exec']
      : ['Type=notify', '# systemd-notify is a process of its own.', 'NotifyAccess=all', 'WatchdogSec=120']),
    ...Object.entries(environment).map(([name, value]) => `Environment=${name}=${value}`),
    `ExecStart=${command(options)}`,
    'ExecReload=/bin/kill -HUP $MAINPID',
    ...(user === null || scope === 'user' ? [] : [`User=${user}`]),
    'Restart=on-failure',
    'RestartSec=5',
    'RestartPreventExitStatus=2',
    'TimeoutStartSec=60',
    'TimeoutStopSec=15',
    '# Only the agent is stopped: what it has started goes on and is taken over by the next one.',
    'KillMode=process',
    'SendSIGKILL=yes',
    'OOMPolicy=continue',
    'LimitNOFILE=65536',
    'LimitCORE=0',
    ...stateLines(options),
    '',
    '# Secrets: in maintenance.yaml write ${DATABASE_PASSWORD}.',
    '#LoadCredential=DATABASE_PASSWORD:/etc/upkeep/credentials/database-password',
    ...(scope === 'system' ? hardening(options) : ['NoNewPrivileges=yes']),
  ];
}

function stateLines({ scope, stateDirectory }: UnitOptions): readonly string[] {
  if (stateDirectory !== null) return [];
  // A user unit's StateDirectory is where the agent looks by default, too.
  return scope === 'system'
    ? ['StateDirectory=upkeep', 'StateDirectoryMode=0700', 'ConfigurationDirectory=upkeep']
    : ['StateDirectory=upkeep', 'StateDirectoryMode=0700'];
}

/**
 * Tasks run inside the same limits as the agent. Left out on purpose: PrivateTmp (its /tmp is deleted with the service, under runs that go on),
 * MemoryDenyWriteExecute (V8 compiles), RestrictSUIDSGID and PrivateDevices (maintenance may need them), RuntimeDirectory (deleted at each stop).
 */
function hardening({ stateDirectory, writable, user }: UnitOptions): readonly string[] {
  const paths = [
    ...(stateDirectory === null ? [] : [stateDirectory]),
    '-/var/log',
    ...writable.map((path) => `-${path}`),
  ];
  return [
    '',
    '# Tasks run inside these limits, too: give the folders that they write to with --writable DIR.',
    'ProtectSystem=strict',
    ...[...new Set(paths)].map((path) => `ReadWritePaths=${quotePath(path)}`),
    `ProtectHome=${user === null ? 'read-only' : 'yes'}`,
    'NoNewPrivileges=yes',
    'ProtectClock=yes',
    'ProtectHostname=yes',
    'ProtectKernelModules=yes',
    'ProtectKernelTunables=yes',
    'ProtectControlGroups=yes',
    'LockPersonality=yes',
    'RestrictRealtime=yes',
    'RestrictNamespaces=yes',
    'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK',
    'SystemCallArchitectures=native',
    'SystemCallFilter=~@clock @cpu-emulation @debug @module @obsolete @raw-io @reboot @swap',
    'SystemCallErrorNumber=EPERM',
    ...(user === null ? [] : ['CapabilityBoundingSet=', 'AmbientCapabilities=']),
  ];
}

function command({ command: self, configFile, stateDirectory, scope }: UnitOptions): string {
  const state = stateDirectory ?? (scope === 'system' ? '%S/upkeep' : null);
  const args = [
    ...(configFile === null ? [] : ['--config', configFile]),
    ...(state === null ? [] : ['--state', state]),
  ];
  return [...self, 'serve', ...args].map(quote).join(' ');
}

/** systemd.service(5), "Command lines": quotes, `$` and `%` doubled; `%S` is ours. */
function quote(word: string): string {
  const doubled = word === '%S/upkeep' ? word : escape(word);
  const safe = doubled.replaceAll('$', '$$$$');
  return /^[\w@%+=:,./$-]+$/.test(safe) ? safe : `"${safe.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** systemd.syntax(7), "Quoting"; here `$` means nothing. */
function quotePath(path: string): string {
  const text = escape(path);
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

function escape(text: string): string {
  return text.replaceAll('%', '%%');
}
