/** The Upkeep views and editors as a person meets them. */
import type { Locator, Page } from 'playwright-core';
import { expandRow, retry } from './browser.ts';

export type ViewTitle = 'Tasks' | 'Health' | 'Certificates' | 'Maintenance' | 'Runbooks';
export const viewTitles: readonly ViewTitle[] = ['Tasks', 'Health', 'Certificates', 'Maintenance', 'Runbooks'];

/** Presses the icon in the activity bar. */
export async function openUpkeep(page: Page): Promise<void> {
  // The item, not its icon: the badge with the open alerts lies over that.
  const item = page.locator('.activitybar .action-item', { has: page.locator('[aria-label^="Upkeep"]') });
  await item.click();
  await view(page, 'Tasks').waitFor();
}

export function view(page: Page, title: ViewTitle): Locator {
  return page.locator('.part.sidebar .pane', { has: viewHeader(page, title) });
}

/** A row of a view, by what a screen reader says of it: label, then description. */
export function row(page: Page, title: ViewTitle, name: RegExp): Locator {
  return view(page, title).getByRole('treeitem', { name }).first();
}

/** Texts of the rows of a view that are scrolled into sight, top to bottom. */
export function rowTexts(page: Page, title: ViewTitle): Promise<string[]> {
  return view(page, title).getByRole('treeitem').allInnerTexts();
}

/** Opens a row and waits for the first row below it that has this name. */
export async function openRow(page: Page, title: ViewTitle, parent: RegExp, child: RegExp): Promise<Locator> {
  await expandRow(row(page, title, parent));
  const found = row(page, title, child);
  await found.waitFor();
  return found;
}

/** Folds all views but these, which share the room. */
export async function unfoldOnly(page: Page, ...titles: readonly ViewTitle[]): Promise<void> {
  for (const title of viewTitles) {
    const one = page.locator('.part.sidebar').locator(viewHeader(page, title));
    const wanted = titles.includes(title);
    if (((await one.getAttribute('aria-expanded')) === 'true') === wanted) continue;
    await one.click({ position: { x: 8, y: 8 } });
    await page.locator(`${headerSelector(title)}[aria-expanded="${wanted}"]`).waitFor();
  }
}

/** Drags the edge of the side bar to `x`. */
export async function dragSideBar(page: Page, x: number): Promise<void> {
  const box = await page.locator('.part.sidebar').boundingBox();
  if (box === null) throw new Error('The side bar is hidden.');
  await page.mouse.move(box.x + box.width + 2, 400);
  await page.mouse.down();
  await page.mouse.move(x, 400, { steps: 4 });
  await page.mouse.up();
}

/** The text of the active editor, as far as it is scrolled into sight, when it holds `part`. */
export async function editorWith(page: Page, part: RegExp): Promise<string> {
  // Blanks of an editor are no-break spaces.
  const hasText = new RegExp(part.source.replaceAll(' ', '\\s'));
  const lines = page.locator('.editor-group-container.active .view-lines', { hasText });
  await lines.waitFor();
  return (await lines.innerText()).replaceAll('\u00a0', ' ');
}

/** Goes to the end of the active editor, where this is written; a key that comes while VS Code moves the focus is lost. */
export async function editorEndsWith(page: Page, part: RegExp): Promise<void> {
  const hasText = new RegExp(part.source.replaceAll(' ', '\\s'));
  await retry(5, async () => {
    await page.keyboard.press('Control+End');
    await page.locator('.editor-group-container.active .view-lines', { hasText }).waitFor({ timeout: 5_000 });
  });
}

export function activeTab(page: Page): Locator {
  return page.locator('.editor-group-container.active .tab.active');
}

/** The notification over the lower right corner that says this. */
export function toast(page: Page, text: RegExp): Locator {
  return toasts(page).filter({ hasText: text }).first();
}

/** Those that come up behind closed ones too. */
export async function closeToasts(page: Page): Promise<void> {
  for (;;) {
    // The very elements: one that goes away by itself meanwhile must not let another one be waited for.
    const closers = await toasts(page).locator('.codicon-notifications-clear').elementHandles();
    if (closers.length === 0) return;
    // No real click: that would scroll the whole workbench towards a notification that is still sliding in.
    for (const closer of closers) await closer.dispatchEvent('click');
    for (const closer of closers) await closer.waitForElementState('hidden');
  }
}

export function statusBarItem(page: Page): Locator {
  return page.locator('.statusbar-item[id="upkeep.upkeep.status"]');
}

export function viewHeader(page: Page, title: ViewTitle): Locator {
  return page.locator(headerSelector(title));
}

function headerSelector(title: ViewTitle): string {
  // A view that describes itself says that too: "Certificates, 1 critical Section".
  return `.pane-header[aria-label^="${title} "]`;
}

function toasts(page: Page): Locator {
  return page.locator('.notifications-toasts .notification-list-item');
}
