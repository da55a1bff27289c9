/**
 * Runs the suite in the extension host of the VS Code server, opened in a headless browser. The exit code is that of
 * the suite; the counts go where UPKEEP_TEST_COUNTS says.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { format } from 'node:util';
import type { Browser } from 'playwright-core';
import { repository } from '../sandbox/paths.ts';
import { launchBrowser } from './browser.ts';
import { bundleSuite } from './bundleSuite.ts';
import { ensureVsCode } from './install.ts';
import { startVsCodeServer, type VsCodeServer } from './server.ts';
import { copyWorkspace } from './workspace.ts';

const longestSuite = 240_000;
/** What the workbench and its host say besides the tests. */
const noise =
  /^(%c|Unable to read file|Creation of workbench|Timed out waiting for authentication|\[lifecycle\]|Cannot find module .\.\/build\/Release\/|Resolv|Creating a socket|\[reconnection|Updating additional|\[AgentHost|\[AccountPolicy|getaddrinfo|\[Service Worker| {4}at |Error: Could not locate the bindings|.*spdlog)/;

process.exitCode = await main();

async function main(): Promise<number> {
  const tests = await bundleSuite();
  const installation = await ensureVsCode();
  const dataDirectory = mkdtempSync(join(tmpdir(), 'upkeep-vscode-data-'));
  const workspace = copyWorkspace();
  let server: VsCodeServer | null = null;
  let browser: Browser | null = null;
  try {
    server = await startVsCodeServer(installation, { dataDirectory, development: true });
    browser = await launchBrowser();
    return await runInBrowser(browser, server, tests, workspace.folder);
  } finally {
    await browser?.close();
    await server?.stop();
    workspace.remove();
    rmSync(dataDirectory, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function runInBrowser(browser: Browser, server: VsCodeServer, tests: string, folder: string): Promise<number> {
  const permissions = ['clipboard-read', 'clipboard-write'];
  const page = await browser.newPage({ viewport: { width: 1400, height: 900 }, permissions });
  let end: (code: number) => void = () => undefined;
  const ended = new Promise<number>((resolve) => {
    end = resolve;
  });
  // The workbench calls these two when they exist: with the exit code, and with all that the extension host logs.
  await page.exposeFunction('codeAutomationExit', (code: number) => {
    end(code);
  });
  await page.exposeFunction('codeAutomationLog', (_type: string, values: unknown[]) => {
    const text = format(...values);
    if (!noise.test(text)) console.log(text);
  });
  const payload = [
    ['extensionDevelopmentPath', server.remote(repository)],
    ['extensionTestsPath', server.remote(tests)],
    ['skipWelcome', 'true'],
  ];
  await page.goto(server.address(folder, { payload: JSON.stringify(payload) }));
  const timer = setTimeout(() => {
    console.error(`The suite did not end within ${longestSuite / 1000} s.`);
    end(124);
  }, longestSuite);
  const code = await ended;
  clearTimeout(timer);
  await page.close();
  return code;
}
