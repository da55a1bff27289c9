/** The real page of the dashboard, bundled as the product's is, in a real browser under its real policy; VS Code is played by a few lines. */
import { build, stop } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { pageHtml } from '../../extension/dashboard/page.ts';
import type { Dashboard } from '../../webview/dashboardSchema.ts';
import { launchBrowser } from '../vscode/browser.ts';

const origin = 'http://page.test';

/** What VS Code sets on every page: variables as the style of <html>, classes of <body>. */
export interface Theme {
  readonly variables: string;
  readonly bodyClass: string;
}

export interface OpenPage {
  readonly page: Page;
  readonly show: (dashboard: Dashboard) => Promise<void>;
  /** A message that no schema has seen. */
  readonly postRaw: (message: unknown) => Promise<void>;
  /** Messages of the page to its extension, the oldest first. */
  readonly messages: () => Promise<unknown[]>;
  readonly state: () => Promise<unknown>;
  /** Errors, violations of the policy and requests to elsewhere. */
  readonly trouble: readonly string[];
}

export class PageHarness {
  readonly #browser: Browser;
  readonly #files: ReadonlyMap<string, string>;

  private constructor(browser: Browser, files: ReadonlyMap<string, string>) {
    this.#browser = browser;
    this.#files = files;
  }

  static async start(): Promise<PageHarness> {
    const { outputFiles } = await build({
      entryPoints: ['webview/dashboard.entry.ts'],
      bundle: true,
      platform: 'browser',
      format: 'esm',
      target: 'es2022',
      write: false,
      outdir: 'out',
      logLevel: 'warning',
    });
    const files = outputFiles.map((file) => [file.path.replace(/^.*[\\/]/, '/'), file.text] as const);
    return new PageHarness(await launchBrowser(), new Map(files));
  }

  async stop(): Promise<void> {
    await this.#browser.close();
    await stop();
  }

  async open(
    options: { theme?: Theme; width?: number; height?: number; reducedMotion?: 'reduce'; scale?: number } = {},
  ): Promise<OpenPage> {
    const { theme, width = 1280, height = 900, reducedMotion = null, scale = 1 } = options;
    const context = await this.#browser.newContext({
      viewport: { width, height },
      reducedMotion,
      deviceScaleFactor: scale,
    });
    const page = await context.newPage();
    const trouble: string[] = [];
    page.on('pageerror', (error) => trouble.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') trouble.push(message.text());
    });
    await page.addInitScript(playVsCode, theme ?? null);
    await page.route('**/*', async (route) => {
      const path = route.request().url().replace(origin, '');
      const text = path === '/' ? html() : this.#files.get(path);
      if (text === undefined) trouble.push(`asked for ${path}`);
      await (text === undefined ? route.abort() : route.fulfill({ body: text, contentType: contentTypeOf(path) }));
    });
    await page.goto(`${origin}/`);
    await page.waitForFunction('played.messages.length > 0');
    const postRaw = async (message: unknown): Promise<void> => {
      await page.evaluate(
        (data) =>
          new Promise<void>((handled) => {
            const target = globalThis as unknown as EventTarget & { postMessage: (message: unknown) => void };
            // Listeners hear a message in the order of their registration: the page's own came first.
            target.addEventListener(
              'message',
              () => {
                handled();
              },
              { once: true },
            );
            target.postMessage(data);
          }),
        message,
      );
    };
    return {
      page,
      trouble,
      postRaw,
      show: (dashboard) => postRaw({ type: 'dashboard', dashboard }),
      messages: () => page.evaluate('played.messages'),
      state: () => page.evaluate('played.state'),
    };
  }
}

function html(): string {
  const uris = { scriptUri: `${origin}/dashboard.entry.js`, styleUri: `${origin}/dashboard.entry.css` };
  return pageHtml({ view: 'dashboard', title: 'Dashboard', language: 'en', nonce: 'abc', cspSource: origin, ...uris });
}

function contentTypeOf(path: string): string {
  if (path.endsWith('.js')) return 'text/javascript';
  return path.endsWith('.css') ? 'text/css' : 'text/html';
}

/** Runs in the page, before its script. */
function playVsCode(theme: Theme | null): void {
  const played = { messages: [] as unknown[], state: null as unknown };
  const acquireVsCodeApi = () => ({
    postMessage: (message: unknown) => played.messages.push(message),
    setState: (state: unknown) => {
      played.state = state;
    },
  });
  Object.assign(globalThis, { played, acquireVsCodeApi });
  if (theme === null) return;
  const { document } = globalThis as unknown as {
    document: {
      documentElement: { style: { cssText: string } };
      body: { className: string; style: { background: string } };
      addEventListener: (type: string, listener: () => void) => void;
    };
  };
  document.addEventListener('DOMContentLoaded', () => {
    document.documentElement.style.cssText = theme.variables;
    document.body.className = theme.bodyClass;
    document.body.style.background = 'var(--vscode-editor-background)';
  });
}
