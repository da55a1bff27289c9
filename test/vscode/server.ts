import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { VsCodeInstallation } from './install.ts';

export interface VsCodeServer {
  readonly port: number;
  /** Process id, which is also that of its group. */
  readonly pid: number;
  /** Address of a folder, with the token that the server asks for. */
  readonly address: (folder: string, query?: Readonly<Record<string, string>>) => string;
  /** An absolute path as VS Code in the browser names it. */
  readonly remote: (path: string) => string;
  readonly stop: () => Promise<void>;
}

export interface VsCodeServerOptions {
  /** Folder of its settings, extensions and logs. */
  readonly dataDirectory: string;
  /** 0 = any free one. */
  readonly port?: number;
  /**
   * Obeys `extensionDevelopmentPath` and `extensionTestsPath` of the address. VS Code then shows no notification toasts,
   * only the notification centre.
   */
  readonly development?: boolean;
  /** Added to the environment of the extension host. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly settings?: Readonly<Record<string, unknown>>;
}

const quietSettings = {
  'security.workspace.trust.enabled': false,
  'chat.disableAIFeatures': true,
  'workbench.startupEditor': 'none',
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'telemetry.telemetryLevel': 'off',
  'extensions.autoCheckUpdates': false,
  'extensions.autoUpdate': 'off',
  'extensions.ignoreRecommendations': true,
  // With the GPU the terminal is a picture, which no test can read.
  'terminal.integrated.gpuAcceleration': 'off',
  'git.enabled': false,
};

/** Starts VS Code on loopback and waits until it listens (2 to 3 s). */
export async function startVsCodeServer(
  installation: VsCodeInstallation,
  options: VsCodeServerOptions,
): Promise<VsCodeServer> {
  const { dataDirectory } = options;
  const userFolder = join(dataDirectory, 'data', 'User');
  mkdirSync(userFolder, { recursive: true, mode: 0o700 });
  writeFileSync(join(userFolder, 'settings.json'), JSON.stringify({ ...quietSettings, ...options.settings }, null, 2));
  const token = connectionToken(dataDirectory);
  const child = spawn(
    process.execPath,
    [
      'out/server-main.js',
      ...['--host', '127.0.0.1', '--port', String(options.port ?? 0)],
      ...['--connection-token-file', join(dataDirectory, 'token')],
      ...['--server-data-dir', dataDirectory, '--telemetry-level', 'off', '--accept-server-license-terms'],
      ...(options.development === true ? ['--enable-smoke-test-driver'] : []),
    ],
    {
      cwd: installation.root,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      env: { ...environment(), ...options.environment, XDG_RUNTIME_DIR: dataDirectory },
    },
  );
  const port = await listeningPort(child);
  const authority = `127.0.0.1:${port}`;
  return {
    port,
    pid: child.pid ?? 0,
    address: (folder, query = {}) =>
      `http://${authority}/?${new URLSearchParams({ tkn: token, folder, ...query }).toString()}`,
    remote: (path) => `vscode-remote://${authority}${path}`,
    stop: async () => {
      await stopGroup(child);
      removeSockets(dataDirectory);
    },
  };
}

/** The token survives restarts, so that an open browser tab goes on working. */
function connectionToken(dataDirectory: string): string {
  const file = join(dataDirectory, 'token');
  try {
    return readFileSync(file, 'utf8');
  } catch {
    const token = randomBytes(16).toString('hex');
    writeFileSync(file, token, { mode: 0o600 });
    return token;
  }
}

/** Variables of an editor in whose terminal this runs would mislead the new one. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(VSCODE_|ELECTRON_)/.test(name)));
}

function listeningPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let output = '';
    const timer = setTimeout(() => {
      void stopGroup(child);
      reject(new Error(`VS Code did not start within 60 s:\n${output}`));
    }, 60_000);
    const read = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-20_000);
      const match = /Extension host agent listening on (\d+)/.exec(output);
      if (match === null) return;
      clearTimeout(timer);
      resolve(Number(match[1]));
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`VS Code ended with code ${code ?? 'none'} before it listened:\n${output}`));
    });
  });
}

/** The server leaves its Unix sockets behind when it is stopped. */
function removeSockets(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (/^vscode-.*\.sock$/.test(name)) rmSync(join(folder, name), { force: true });
  }
}

async function stopGroup(child: ChildProcess): Promise<void> {
  if (child.pid === undefined) return;
  if (child.exitCode === null && child.signalCode === null) {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 8_000);
    await ended;
    clearTimeout(timer);
  }
  try {
    // The helper of the terminals outlives the server for some seconds.
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Nothing is left of the group.
  }
}
