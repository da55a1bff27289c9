import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { messageOf } from '../../agent/thrown.ts';
import { keptFolder } from '../sandbox/paths.ts';

/** VS Code 1.139.1 as the npm package code-server ships it; pinned, because the tests know its selectors. */
const version = '4.139.1';

/** Path of the server's entry script, to be run by Node 24 with its folder's parent as working directory. */
export interface VsCodeInstallation {
  /** Folder of the server: `out/server-main.js` lies in it. */
  readonly root: string;
}

/** Installs VS Code into the sandbox unless it is there: from npm, without a compiler; half a minute, 780 MB. */
export async function ensureVsCode(): Promise<VsCodeInstallation> {
  const folder = join(keptFolder, 'vscode');
  const root = join(folder, 'node_modules', 'code-server', 'lib', 'vscode');
  const stamp = join(folder, `installed-${version}`);
  if (existsSync(stamp)) return { root };
  console.log(`Installing VS Code (code-server ${version}) into .sandbox/vscode …`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  // Install scripts would compile optional native modules; VS Code does without them.
  await npm(folder, ['install', '--ignore-scripts', `code-server@${version}`]);
  // Not npm ci: the lock file that VS Code ships is incomplete.
  await npm(root, ['install', '--omit=dev', '--ignore-scripts']);
  writeFileSync(stamp, '');
  return { root };
}

/** Without blocking: the sandbox's services, which run in this process, have to go on answering. */
async function npm(folder: string, npmArguments: readonly string[]): Promise<void> {
  const script = process.env['npm_execpath'];
  const [program, first]: [string, string[]] =
    script?.endsWith('.js') === true ? [process.execPath, [script]] : ['npm', []];
  const child = spawn(program, [...first, ...npmArguments, '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}` },
  });
  const why = await once(child, 'exit').then(
    ([code]: (number | null)[]) => (code === 0 ? null : `exit code ${code ?? 'none'}`),
    messageOf,
  );
  if (why === null) return;
  throw new Error(`Installing VS Code failed: npm ${npmArguments.join(' ')}: ${why}. Is the npm registry reachable?`);
}
