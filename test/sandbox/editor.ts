import { execFile } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
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
  const installation = await ensureVsCode();
  await packageExtension();
  const install = ['--install-extension', sandbox.vsix, '--force', '--server-data-dir', sandbox.editorData];
  await runNode(installation.root, [join('out', 'server-main.js'), ...install, '--accept-server-license-terms']);
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

async function packageExtension(): Promise<void> {
  const vsce = join(repository, 'node_modules', '.bin', 'vsce');
  const quiet = ['--allow-missing-repository', '--skip-license', '--no-rewrite-relative-links'];
  await runNode(repository, [vsce, 'package', '--no-dependencies', ...quiet, '--out', sandbox.vsix]);
  if (!existsSync(sandbox.vsix) || Date.now() - statSync(sandbox.vsix).mtimeMs > 60_000) {
    throw new Error(`vsce said nothing, but ${sandbox.vsix} is not there.`);
  }
}

/** Without blocking: the sandbox's services run in this process. */
async function runNode(folder: string, args: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)(process.execPath, args, { cwd: folder });
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { readonly stdout?: string; readonly stderr?: string };
    throw new Error(`${args.slice(0, 2).join(' ')} failed:\n${stdout}${stderr}`, { cause: error });
  }
}
