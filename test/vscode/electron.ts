/**
 * Runs the same suite as extensionHost.ts in a desktop VS Code by @vscode/test-electron: the one that VSCODE_EXECUTABLE
 * names, or one that it downloads.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runTests } from '@vscode/test-electron';
import { messageOf } from '../../agent/thrown.ts';
import { repository } from '../sandbox/paths.ts';
import { bundleSuite } from './bundleSuite.ts';
import { copyWorkspace } from './workspace.ts';

process.exitCode = await main();

async function main(): Promise<number> {
  const extensionTestsPath = await bundleSuite();
  const profile = mkdtempSync(join(tmpdir(), 'upkeep-electron-'));
  const workspace = copyWorkspace();
  const executable = process.env['VSCODE_EXECUTABLE'];
  const counts = process.env['UPKEEP_TEST_COUNTS'];
  try {
    return await runTests({
      ...(executable !== undefined && executable !== '' && { vscodeExecutablePath: executable }),
      cachePath: join(repository, '.sandbox', 'vscode-desktop'),
      extensionDevelopmentPath: repository,
      extensionTestsPath,
      ...(counts !== undefined && { extensionTestsEnv: { UPKEEP_TEST_COUNTS: counts } }),
      launchArgs: [
        workspace.folder,
        ...['--user-data-dir', join(profile, 'user'), '--extensions-dir', join(profile, 'extensions')],
        ...['--disable-extensions', '--disable-gpu', '--skip-welcome', '--skip-release-notes'],
      ],
    });
  } catch (error) {
    console.error(`The suite failed in VS Code: ${messageOf(error)}`);
    return 1;
  } finally {
    workspace.remove();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
