/** The beginning of the journey: a folder that is not trusted yet. */
import assert from 'node:assert/strict';
import { quickInput, runCommand, typeAnswer, untilQuickInput, waitForStatusBar } from './browser.ts';
import type { Journey } from './journeyEngine.ts';
import { verifyKey } from './journeySandbox.ts';
import { openUpkeep, row, toast, unfoldOnly, view } from './journeyViews.ts';

const mail = /^mail\.example\.test, 3 days left/;

/** No host is there yet, and the workspace is restricted; afterwards `sandbox` is there and the workspace trusted. */
export function trustSteps(given: () => Journey): void {
  it('says in a folder that is not trusted why no certificates of this machine are known, and takes a host there', async () => {
    const { page, journey, shots } = given();
    await waitForStatusBar(page, 'upkeep.upkeep.status');
    await openUpkeep(page);
    await unfoldOnly(page, 'Certificates');
    const why = view(page, 'Certificates').locator('.welcome-view', {
      hasText: 'not trusted no local agent is started',
    });
    await why.getByRole('button', { name: 'Manage Workspace Trust' }).waitFor();
    await shots.take('untrusted');
    await untilQuickInput(page, () => runCommand(page, 'Upkeep: Add Host…'));
    await typeAnswer(page, `unix:${journey.paths.socket}`);
    await quickInput(page).filter({ hasText: 'Name under which the host is shown' }).waitFor();
    await typeAnswer(page, 'sandbox');
    await row(page, 'Certificates', mail).waitFor();
  });

  it('only looks there: what would run something can not be pressed, and a shortcut to it is refused in one sentence', async () => {
    const { page, shots } = given();
    const found = row(page, 'Certificates', mail);
    await found.hover();
    const verify = found.locator('.actions .action-item', { has: page.locator('[aria-label^="Verify Certificate"]') });
    await verify.locator('a.action-label.disabled').waitFor();
    await found.click({ button: 'right' });
    const items = page.locator('.monaco-menu .action-item');
    await items.filter({ hasText: 'Copy Fingerprint' }).and(page.locator(':not(.disabled)')).waitFor();
    for (const title of ['Verify Certificate', 'Back Up Certificates…', 'Restore Certificates…'])
      await items.filter({ hasText: title }).and(page.locator('.disabled')).waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press(verifyKey);
    const refusal = toast(page, /In a workspace that is not trusted Upkeep only looks: trust the workspace to run/);
    await refusal.waitFor();
    await shots.take('untrusted-refusal');
    assert.equal(await page.locator('.notifications-toasts .notification-list-item').count(), 1);
    await refusal.getByRole('button', { name: 'Manage Workspace Trust' }).click();
    await page.locator('.workspace-trust-editor').waitFor();
  });

  it('lets things be done as soon as the folder is trusted, without a restart', async () => {
    const { page } = given();
    await page
      .locator('.workspace-trust-editor')
      .getByRole('button', { name: /^Trust$/ })
      .click();
    await page.locator('.workspace-trust-trusted').waitFor();
    await runCommand(page, 'View: Close All Editors');
    const found = row(page, 'Certificates', mail);
    await found.hover();
    await found.locator('.actions a.action-label[aria-label^="Verify Certificate"]:not(.disabled)').waitFor();
    await unfoldOnly(page, 'Tasks', 'Health', 'Certificates', 'Maintenance', 'Runbooks');
  });
}
