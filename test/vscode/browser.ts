/** Drives VS Code in a headless Chromium. The selectors are those of the pinned version (install.ts). */
import { chromium, errors, type Browser, type Frame, type Locator, type Page } from 'playwright-core';
import { findChromium } from '../systemPackages.ts';

export async function launchBrowser(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === null) throw new Error('No Chromium: install the package chromium, or set CHROMIUM to one.');
  const quiet = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'];
  return chromium.launch({ executablePath, args: [...quiet, '--disable-component-update', '--disable-sync'] });
}

/** Opens an address and waits for the workbench. */
export async function openWorkbench(browser: Browser, address: string): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1500, height: 950 }, locale: 'en-US' });
  const page = await context.newPage();
  await page.goto(address);
  await page.locator('.monaco-workbench .part.statusbar').waitFor({ timeout: 60_000 });
  return page;
}

/** Waits for a status bar item of the extension and until VS Code's start has stopped moving the focus about. */
export async function waitForStatusBar(page: Page, itemId: string): Promise<Locator> {
  const item = page.locator(`.statusbar-item[id="${itemId}"]`);
  await item.waitFor({ timeout: 60_000 });
  await page.waitForTimeout(1_000);
  return item;
}

/** Runs a command by its exact title in the palette (`Category: Title`). */
export async function runCommand(page: Page, title: string): Promise<void> {
  const input = quickInput(page);
  const exactly = new RegExp(`^${title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`);
  await retry(4, async () => {
    // An input that is just closing is not an open one; an Escape too early would close the notification centre instead.
    await input.waitFor({ state: 'hidden', timeout: 1_500 }).catch(() => page.keyboard.press('Escape'));
    await page.keyboard.press('F1');
    await input.locator('input.input').fill(`>${title}`, { timeout: 5_000 });
    const label = page.locator('.label-name', { hasText: exactly });
    const row = input.locator('.quick-input-list .monaco-list-row').filter({ has: label }).first();
    // A click, not Enter: the focus may be on another row.
    await row.click({ timeout: 6_000 });
  });
}

/** Runs an action that ends with an open quick input; again when VS Code dismissed it by moving the focus. */
export async function untilQuickInput(page: Page, action: () => Promise<void>): Promise<Locator> {
  const input = quickInput(page);
  await retry(4, async () => {
    await action();
    await input.locator('.monaco-list-row, input.input').first().waitFor({ timeout: 5_000 });
    await page.waitForTimeout(250);
    if ((await input.count()) === 0) throw new Error('The quick input did not stay open.');
  });
  return input;
}

export function quickInput(page: Page): Locator {
  return page.locator('.quick-input-widget:visible');
}

/** Picks the first entry of the open quick pick that contains `text`. */
export async function pickItem(page: Page, text: string | RegExp): Promise<void> {
  await quickInput(page).locator('.monaco-list-row', { hasText: text }).first().click();
}

/** Fills the open input box and accepts it. */
export async function typeAnswer(page: Page, text: string): Promise<void> {
  await quickInput(page).locator('input.input').fill(text);
  await page.keyboard.press('Enter');
}

/** Presses a button of the modal dialog, and gives back the dialog's text. */
export async function answerDialog(page: Page, button: string): Promise<string> {
  const dialog = page.locator('.monaco-dialog-box');
  await dialog.waitFor();
  const text = await dialog.innerText();
  await dialog.getByRole('button', { name: button, exact: true }).click();
  await dialog.waitFor({ state: 'hidden' });
  return text;
}

/** Row of a tree view, by a text that it contains, or by its whole accessible name with a RegExp. */
export function treeRow(page: Page, text: string | RegExp): Locator {
  return typeof text === 'string'
    ? page.locator('.part.sidebar .monaco-list-row', { hasText: text }).first()
    : page.locator('.part.sidebar').getByRole('treeitem', { name: text }).first();
}

/** Opens a collapsed row. */
export async function expandRow(row: Locator): Promise<void> {
  if ((await row.getAttribute('aria-expanded')) !== 'false') return;
  await row.locator('.monaco-tl-twistie').click();
}

/** Presses an icon that a row shows under the pointer; follows a row that moves away from under it, as a person would. */
export async function inlineAction(row: Locator, title: string): Promise<void> {
  const icon = row.locator(`.actions a.action-label[aria-label^="${title}"]`);
  for (const deadline = Date.now() + 30_000; ;) {
    await row.hover();
    try {
      await icon.click({ timeout: 3_000 });
      return;
    } catch (error) {
      if (!(error instanceof errors.TimeoutError) || Date.now() > deadline) throw error;
    }
    // What is already under the pointer is not told of it once more.
    await row.page().mouse.move(0, 0);
  }
}

export async function contextMenu(page: Page, row: Locator, title: string): Promise<void> {
  await row.click({ button: 'right' });
  const item = page.locator('.monaco-menu .action-menu-item', { hasText: title }).first();
  await item.waitFor();
  // Menus ignore the mouse at first, lest the click that opened them presses something.
  await page.waitForTimeout(250);
  await item.click();
}

/** The visible web view whose document contains `marker`, a selector. */
export async function webview(page: Page, marker: string, timeout = 30_000): Promise<Frame> {
  const end = Date.now() + timeout;
  while (Date.now() < end) {
    for (const frame of page.frames()) {
      if (await showsVisibly(frame, marker)) return frame;
    }
    await page.waitForTimeout(150);
  }
  throw new Error(`No web view with ${marker} became visible within ${timeout} ms.`);
}

async function showsVisibly(frame: Frame, marker: string): Promise<boolean> {
  try {
    const parent = frame.parentFrame();
    if (parent === null || (await frame.locator(marker).count()) === 0) return false;
    // A page that is still loading is a hidden frame within the visible one.
    return (await (await parent.frameElement()).isVisible()) && (await (await frame.frameElement()).isVisible());
  } catch {
    // A frame went away while it was looked at.
    return false;
  }
}

export async function retry(tries: number, action: () => Promise<void>): Promise<void> {
  for (let left = tries - 1; ; left--) {
    try {
      await action();
      return;
    } catch (error) {
      if (left === 0) throw error;
    }
  }
}
