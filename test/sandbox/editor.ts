import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ensureVsCode } from '../vscode/install.ts';
import { startVsCodeServer, type VsCodeServer } from '../vscode/server.ts';
import { sandboxVariable, type Children } from './children.ts';
import { repository, sandbox, sandboxFolder } from './paths.ts';

export interface Editor {
  readonly address: string;
  readonly stop: () => Promise<void>;
}

/** Packages the extension, installs it into a VS Code server and serves that on loopback with the workspace opened. */
export async function startEditor(
  children: Children,
  port: number,
  environment: Readonly<Record<string, string>>,
  settings: Readonly<Record<string, unknown>> = {},
): Promise<Editor> {
  const installation = ensureVsCode();
  packageExtension();
  const install = ['--install-extension', sandbox.vsix, '--force', '--server-data-dir', sandbox.editorData];
  runNode(installation.root, [join('out', 'server-main.js'), ...install, '--accept-server-license-terms']);
  const server: VsCodeServer = await startVsCodeServer(installation, {
    dataDirectory: sandbox.editorData,
    port,
    settings: {
      // A workspace may name no host, hence the user's settings. The sandbox's agent is there already: no second one.
      'upkeep.hosts': [{ name: 'sandbox', url: `unix:${sandbox.socket}` }],
      'upkeep.local.enabled': false,
      ...settings,
    },
    environment: { ...environment, [sandboxVariable]: sandboxFolder },
  });
  children.remember(server.pid);
  return { address: server.address(sandbox.workspace), stop: server.stop };
}

function packageExtension(): void {
  const vsce = join(repository, 'node_modules', '.bin', 'vsce');
  const quiet = ['--allow-missing-repository', '--skip-license', '--no-rewrite-relative-links'];
  runNode(repository, [vsce, 'package', '--no-dependencies', ...quiet, '--out', sandbox.vsix]);
  if (!existsSync(sandbox.vsix) || Date.now() - statSync(sandbox.vsix).mtimeMs > 60_000) {
    throw new Error(`vsce said nothing, but ${sandbox.vsix} is not there.`);
  }
}

function runNode(folder: string, args: readonly string[]): void {
  const result = spawnSync(process.execPath, args, {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (result.status !== 0) {
    throw new Error(`${args.slice(0, 2).join(' ')} failed:\n${result.stdout}${result.stderr}`);
  }
}
