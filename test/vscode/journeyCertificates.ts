/** The journey through what can be done about certificates. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import {
  answerDialog,
  contextMenu,
  inlineAction,
  pickItem,
  quickInput,
  runCommand,
  treeRow,
  untilQuickInput,
} from './browser.ts';
import type { Journey } from './journeyEngine.ts';
import { closeToasts, editorEndsWith, editorWith, openRow, row, toast, unfoldOnly } from './journeyViews.ts';

/** The Certificates view is unfolded. */
export function certificateSteps(given: () => Journey): void {
  it('verifies a certificate file from its row, and offers only what can be done about it', async () => {
    const { page, shots } = given();
    const file = await openRow(page, 'Certificates', /^legacy\.example\.test/, /^legacy\/fullchain\.pem/);
    await inlineAction(file, 'Verify Certificate');
    await page.locator('.tab', { hasText: 'verify-certificate' }).waitFor();
    await editorEndsWith(page, /verify-certificate ended/);
    assert.match(await editorWith(page, /Domain: legacy\.example\.test/), /Status: EXPIRED/);
    await toast(
      page,
      /Verify Certificate on sandbox: The certificate of legacy\.example\.test in .* expired/,
    ).waitFor();
    await row(page, 'Certificates', /^legacy\.example\.test/).click({ button: 'right' });
    const menu = page.locator('.monaco-menu .action-menu-item');
    for (const title of ['Verify Certificate', 'Back Up Certificates…', 'Restore Certificates…', 'Copy Fingerprint'])
      await menu.filter({ hasText: title }).waitFor();
    // Nothing of the configuration renews it.
    assert.equal(await menu.filter({ hasText: /Renew|Deploy/ }).count(), 0);
    await shots.take('certificate-actions');
    await page.keyboard.press('Escape');
    await closeToasts(page);
  });

  it('tells of a certificate under the pointer what is wrong, its dates, names, chain and places', async () => {
    const { page, shots } = given();
    const hover = page.locator('.monaco-hover:visible', { hasText: 'Chain, from the certificate to its root' });
    await row(page, 'Certificates', /^mail\.example\.test/).hover();
    await hover.waitFor();
    await shots.takeAsItIs('certificate-tooltip');
    // Blanks of texts that are no Markdown are no-break spaces.
    const text = (await hover.innerText()).replaceAll('\u00a0', ' ');
    for (const part of [
      /3 days left/,
      /renew it/,
      /Key: EC P-256/,
      /Warning: from/,
      /2\. CN=Sandbox Issuing CA/,
      /Seen: /,
    ])
      assert.match(text, part);
  });

  it('leaves that under the pointer while the certificates are looked at again, and what is chosen and open too', async () => {
    const { page, journey } = given();
    const looked = row(page, 'Tasks', /^certificate_check, .*warning (just now|\d s ago)/);
    const legacy = row(page, 'Certificates', /^legacy\.example\.test/);
    const hover = page.locator('.monaco-hover:visible', { hasText: 'Chain, from the certificate to its root' });
    await page.locator('.part.editor').hover();
    await unfoldOnly(page, 'Tasks', 'Certificates');
    await looked.waitFor({ state: 'detached' });
    await row(page, 'Certificates', /^legacy\/fullchain\.pem/).click();
    await legacy.hover();
    await hover.waitFor();
    // The very element: one that closes and opens again is another.
    const shown = await hover.elementHandle();
    assert.equal(await journey.sandbox.agent.command(['run', 'certificate_check']), 0);
    await looked.waitFor();
    assert.equal(await shown.isVisible(), true);
    await row(page, 'Certificates', /^legacy\/fullchain\.pem/)
      .and(page.locator('.selected'))
      .waitFor();
    assert.equal(await legacy.getAttribute('aria-expanded'), 'true');
    await unfoldOnly(page, 'Certificates');
  });

  it('renews a certificate after a dry run, deploys it, and shows that the new one is served', async () => {
    const { page, shots } = given();
    const api = row(page, 'Certificates', /^api\.example\.test, 20 days left, warning/);
    await untilQuickInput(page, () => inlineAction(api, 'Renew Certificate'));
    await pickItem(page, 'Dry Run');
    await editorWith(page, /would be renewed/);
    await toast(page, /Dry run of Renew Certificate/)
      .getByRole('button', { name: 'Run…' })
      .click();
    await page.locator('.monaco-dialog-box').waitFor();
    await shots.take('certificate-renewal');
    const question = await answerDialog(page, 'Run');
    assert.match(question, /api\/fullchain\.pem[^]*Services are reloaded by[^]*the pair before is put back/);
    await toast(page, /Renew Certificate on sandbox: succeeded/).waitFor({ timeout: 60_000 });
    await row(page, 'Certificates', /^api\.example\.test, 89 days left$/).waitFor({ timeout: 60_000 });
    await closeToasts(page);
    await shots.take('certificate-renewed');
  });

  it('backs the certificates up, after it has said where to and that the keys are in clear there', async () => {
    const { page, shots, journey } = given();
    await untilQuickInput(page, () => runCommand(page, 'Upkeep: Back Up Certificates…'));
    await pickItem(page, 'Run…');
    await page.locator('.monaco-dialog-box').waitFor();
    await shots.take('certificate-backup');
    assert.match(await answerDialog(page, 'Run'), /not encrypted: it holds the private keys in clear/);
    await editorWith(page, /read back and compared/);
    assert.equal(
      readdirSync(journey.paths.backups).filter((name) => /^certificates-.*\.tar\.gz$/.test(name)).length,
      1,
    );
  });

  it('lets the person choose among the backups that the host has, and tells what a restore would change', async () => {
    const { page, shots } = given();
    await untilQuickInput(page, () =>
      contextMenu(page, row(page, 'Certificates', /^mail\.example\.test/), 'Restore Certificates…'),
    );
    const newest = quickInput(page).locator('.monaco-list-row', { hasText: /^\d{8}-\d{6}.*newest/ });
    await newest.waitFor();
    await shots.take('certificate-restore');
    await newest.click();
    await pickItem(page, 'Dry Run');
    await editorWith(page, /everything is as the archive has it/);
    await toast(page, /Dry run of Restore Certificates on sandbox: ended/).waitFor();
    await closeToasts(page);
  });

  it('leads from a finding of Health to the certificate that it is about', async () => {
    const { page } = given();
    await unfoldOnly(page, 'Health', 'Certificates');
    await inlineAction(row(page, 'Health', /^Certificates expiry: mail\/fullchain\.pem/), 'Show Certificate');
    await treeRow(page, /^mail\.example\.test, 3 days left/)
      .and(page.locator('.focused'))
      .waitFor();
    await unfoldOnly(page, 'Certificates');
  });
}
