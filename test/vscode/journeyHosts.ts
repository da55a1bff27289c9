/** The journey through the certificates of several hosts: one's own, and one where the person may only look. */
import assert from 'node:assert/strict';
import type { Locator, Page } from 'playwright-core';
import { answerDialog, expandRow, pickItem, quickInput, runCommand, typeAnswer, untilQuickInput } from './browser.ts';
import { hostileNames, startCertificateHost, type CertificateHost } from './certificateHost.ts';
import type { Journey } from './journeyEngine.ts';
import { closeToasts, dragSideBar, row, rowTexts, unfoldOnly } from './journeyViews.ts';

/** What a viewer may not do. */
const doings = /Verify|Renew|Deploy|Back Up|Restore|Run Remedy/;

export function hostSteps(given: () => Journey): void {
  let host: CertificateHost;

  before(async () => {
    host = await startCertificateHost();
  });
  after(() => host.stop());

  it('shows the certificates of a second host beside the first, the most urgent of each on top', async () => {
    const { page, shots } = given();
    await runCommand(page, 'View: Close All Editors');
    await dragSideBar(page, 600);
    await unfoldOnly(page, 'Certificates');
    await untilQuickInput(page, () => runCommand(page, 'Upkeep: Add Host…'));
    await typeAnswer(page, host.address);
    await nextQuestion(page, 'Name under which the host is shown');
    await typeAnswer(page, 'web-02');
    await nextQuestion(page, 'Token for web-02');
    // Its row is there before anything is known of it, and shows what comes all the same.
    host.pause();
    await typeAnswer(page, host.viewerToken);
    await row(page, 'Certificates', /^web-02, connecting/).waitFor();
    host.resume();
    await row(page, 'Certificates', /^web-02, \d+ critical · \d+ warning · \d+ fine/).waitFor();
    await row(page, 'Certificates', /^vpn\.example\.com/).waitFor();
    const sandbox = row(page, 'Certificates', /^sandbox, \d+ critical/);
    await sandbox.waitFor();
    await closeToasts(page);
    await shots.take('certificates-hosts');
    // The first host folded, so that the second one is in sight as a whole.
    await sandbox.locator('.monaco-tl-twistie').click();
    await row(page, 'Certificates', /^sandbox/)
      .and(page.locator('[aria-expanded="false"]'))
      .waitFor();
    await row(page, 'Certificates', /^next\.example\.com/).waitFor();
    const texts = await rowTexts(page, 'Certificates');
    const at = (pattern: RegExp): number => texts.findIndex((text) => pattern.test(text));
    const order = [
      /vpn.*expired 2 days ago/s,
      /mail.*5 days left/s,
      /shop.*11 days left/s,
      /\*\.example.*75 days left/s,
    ];
    const places = order.map(at);
    assert.ok(
      places.every((place, index) => place > (places[index - 1] ?? 0)),
      `${places.join()}: ${texts.join('\n')}`,
    );
    await shots.take('certificate-kinds');
  });

  it('offers a viewer to look and to copy, and nothing that would run on that host', async () => {
    const { page, shots } = given();
    const vpn = row(page, 'Certificates', /^vpn\.example\.com/);
    await vpn.click({ button: 'right' });
    const menu = page.locator('.monaco-menu .action-menu-item');
    await menu.filter({ hasText: 'Copy Fingerprint' }).waitFor();
    await shots.take('certificate-viewer');
    const offered = await menu.allInnerTexts();
    assert.deepEqual(
      offered.filter((text) => doings.test(text)),
      [],
    );
    await page.keyboard.press('Escape');
    await expandRow(vpn);
    const expiry = row(page, 'Certificates', /^Expiry, Expired on/);
    for (const one of [vpn, expiry]) {
      await one.hover();
      assert.deepEqual(await inlineTitles(one), []);
    }
    await vpn.locator('.monaco-tl-twistie').click();
    // The command is there for the other host, and offers that one's certificates alone.
    const input = await untilQuickInput(page, () => runCommand(page, 'Upkeep: Verify Certificate'));
    const choices = await input.locator('.monaco-list-row').allInnerTexts();
    assert.ok(choices.length >= 5 && choices.every((text) => !/web-02|example\.com/.test(text)), choices.join('\n'));
    await page.keyboard.press('Escape');
  });

  it('V15: shows names that try to be links, images, icons or commands as text, in the row and under the pointer', async () => {
    const { page, shots } = given();
    const [name = ''] = hostileNames;
    const hostile = page.locator('.part.sidebar .monaco-list-row', { hasText: name });
    const hover = await hoverOver(page, hostile, `${name}: 30 days left`);
    await shots.takeAsItIs('certificate-hostile');
    const text = (await hover.innerText()).replaceAll('\u00a0', ' ');
    for (const one of hostileNames) assert.ok(text.includes(one), `${one} in ${text}`);
    assert.match(text, /https:\/\/evil\.example\.test\/ \*\*bold\*\* `code`/);
    for (const shown of [hover, hostile]) {
      assert.doesNotMatch(await shown.innerText(), /[\u202A-\u202E\u2066-\u2069\u200B-\u200F]/);
      assert.equal(
        await shown.locator('a[href], a[data-href], img:not([src=""]), button, script, em, code').count(),
        0,
      );
    }
    assert.equal(await hover.locator('.codicon').count(), 0);
    // The heading alone is bold.
    assert.equal(await hover.locator('strong').count(), 1);
  });

  it('V15: keeps a name of 1,500 letters within the window', async () => {
    const { page, shots } = given();
    const long = row(page, 'Certificates', /^very-long-very-long/);
    const hover = await hoverOver(page, long, /^(very-long-)+[^:]*: 82 days left/);
    await shots.takeAsItIs('certificate-long-name');
    await long.getByText('82 days left').waitFor();
    const box = await hover.boundingBox();
    assert.ok(box !== null && box.x >= 0 && box.x + box.width <= 1500 && box.y >= 0 && box.y + box.height <= 950);
    await page.locator('.part.editor').hover();
  });

  it('keeps what was last known of a host that is gone, and takes the host away again with its certificates', async () => {
    const { page, shots } = given();
    await host.stop();
    await row(page, 'Certificates', /^web-02, offline, next attempt in/).waitFor();
    await row(page, 'Certificates', /^vpn\.example\.com/).waitFor();
    await shots.take('certificates-offline');
    await untilQuickInput(page, () => runCommand(page, 'Upkeep: Remove Host…'));
    await pickItem(page, 'web-02');
    assert.match(await answerDialog(page, 'Remove'), /Remove web-02 \(ws:\/\/127\.0\.0\.1:\d+\/?\)\?/);
    await row(page, 'Certificates', /^vpn\.example\.com/).waitFor({ state: 'detached' });
    await row(page, 'Certificates', /^legacy\.example\.test/).waitFor();
  });
}

async function nextQuestion(page: Page, text: string): Promise<void> {
  await quickInput(page).filter({ hasText: text }).waitFor();
}

/** `text`: in the tooltip of this row and of no other, as the one before may still be there. */
async function hoverOver(page: Page, one: Locator, text: string | RegExp): Promise<Locator> {
  await page.locator('.part.editor').hover();
  await one.hover();
  const hover = page.locator('.monaco-hover:visible', { hasText: text });
  await hover.waitFor();
  return hover;
}

async function inlineTitles(one: Locator): Promise<(string | null)[]> {
  const actions = await one.locator('.actions a.action-label').all();
  return Promise.all(actions.map((action) => action.getAttribute('aria-label')));
}
