import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Frame, Page } from 'playwright-core';

/** Pictures of what the journey saw, each in light and dark: NAME-light.png and NAME-dark.png. */
export class Shots {
  readonly #page: Page;
  readonly #folder: string;

  /** Takes away the pictures of the last journey. */
  constructor(page: Page, folder: string) {
    this.#page = page;
    this.#folder = folder;
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
  }

  /** `page`: a web view that has to follow the colours too. */
  async take(name: string, page?: Frame): Promise<void> {
    // Off every row, so that none looks chosen.
    await this.#page.mouse.move(750, 940);
    for (const scheme of ['dark', 'light'] as const) {
      await this.#page.emulateMedia({ colorScheme: scheme });
      await this.#page.locator(`.monaco-workbench.${scheme === 'dark' ? 'vs-dark' : 'vs'}`).waitFor();
      await page?.locator(`body.vscode-${scheme}`).waitFor();
      await this.#page.screenshot({ path: join(this.#folder, `${name}-${scheme}.png`), animations: 'disabled' });
    }
  }

  /** In the colours of this moment alone: for what goes away when the pointer moves or the colours change. */
  async takeAsItIs(name: string): Promise<void> {
    await this.#page.screenshot({ path: join(this.#folder, `${name}.png`), animations: 'disabled' });
  }

  /** One picture as it is now, in whichever colours: for the moment after a failure. */
  async takeFailure(title: string): Promise<void> {
    const name = title.replaceAll(/[^A-Za-z0-9]+/g, '-').slice(0, 80);
    await this.#page.screenshot({ path: join(this.#folder, `failed-${name}.png`) });
  }
}
