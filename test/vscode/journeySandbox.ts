/** What the journey needs: a sandbox in a folder of its own, its editor, and a browser that shows it. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { commandIds } from '../../extension/ids.ts';
import type { Editor } from '../sandbox/editor.ts';
import type { sandbox as sandboxPaths } from '../sandbox/paths.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { launchBrowser, openWorkbench } from './browser.ts';

export interface JourneySandbox {
  readonly page: Page;
  readonly sandbox: Sandbox;
  readonly paths: typeof sandboxPaths;
  /** Stops everything and removes the folder; gives back the commands of processes that had to be killed. */
  readonly stop: () => Promise<readonly string[]>;
}

/** Colours follow the browser, so that one page can be shown in both. */
const settings = {
  // It begins in a restricted workspace without a host.
  'security.workspace.trust.enabled': true,
  'security.workspace.trust.startupPrompt': 'never',
  // In a tab, as any other editor.
  'workbench.editor.useModal': 'off',
  'upkeep.hosts': [],
  'window.autoDetectColorScheme': true,
  'workbench.preferredLightColorTheme': 'Light Modern',
  'workbench.preferredDarkColorTheme': 'Dark Modern',
};

/** A shortcut of the person, which presses what no menu offers. */
export const verifyKey = 'Control+Alt+V';

/** Half a minute on a quiet machine, most of it for the database and the editor. */
export async function startJourneySandbox(): Promise<JourneySandbox> {
  // A short name: it is on the pictures.
  const folder = mkdtempSync(join(tmpdir(), 'shop-'));
  // Under root PostgreSQL runs as another user, who has to pass.
  chmodSync(folder, 0o711);
  process.env['UPKEEP_SANDBOX_FOLDER'] = folder;
  // Only now, since the paths are made when their module is loaded.
  const [{ startSandbox }, { startEditor }, { sandbox: paths }] = await Promise.all([
    import('../sandbox/sandbox.ts'),
    import('../sandbox/editor.ts'),
    import('../sandbox/paths.ts'),
  ]);
  let browser: Browser | null = null;
  let editor: Editor | null = null;
  let sandbox: Sandbox | null = null;
  const stop = async (): Promise<readonly string[]> => {
    await browser?.close();
    await editor?.stop();
    const left = (await sandbox?.stop()) ?? [];
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    return left.map(({ command }) => command);
  };
  try {
    sandbox = await startSandbox(new AbortController().signal);
    postpone(paths.configuration);
    writeShortcut(join(paths.editorData, 'data', 'User'));
    editor = await startEditor(sandbox.children, sandbox.ports.editor, sandbox.environment, settings);
    browser = await launchBrowser();
    return { page: await openWorkbench(browser, editor.address), sandbox, paths, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function writeShortcut(userFolder: string): void {
  mkdirSync(userFolder, { recursive: true, mode: 0o700 });
  const shortcut = { key: verifyKey.toLowerCase().replace('control', 'ctrl'), command: commandIds.verifyCertificate };
  writeFileSync(join(userFolder, 'keybindings.json'), JSON.stringify([shortcut]));
}

/** Lets every task be due in about twelve hours: no schedule must start one while the journey is on its way. */
function postpone(configuration: string): void {
  const hour = (new Date().getUTCHours() + 12) % 24;
  const text = readFileSync(configuration, 'utf8');
  writeFileSync(configuration, text.replaceAll(/schedule: ".*"/g, `schedule: "30 ${hour} * * *"`));
}
