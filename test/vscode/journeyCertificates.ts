/** The journey through what can be done about certificates. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { answerDialog, inlineAction, pickItem, runCommand, untilQuickInput } from './browser.ts';
import type { Journey } from './journeyEngine.ts';
import { editorEndsWith, editorWith, openRow, row } from './journeyViews.ts';

/** The Certificates view is unfolded. */
export function certificateSteps(given: () => Journey): void {
  it('verifies a certificate file from its row, and offers what else can be done about it', async () => {
    const { page, shots } = given();
    const file = await openRow(page, 'Certificates', /^legacy\.example\.test/, /^legacy\/fullchain\.pem/);
    await inlineAction(file, 'Verify Certificate');
    await page.locator('.tab', { hasText: 'verify-certificate' }).waitFor();
    await editorEndsWith(page, /verify-certificate ended/);
    assert.match(await editorWith(page, /Domain: legacy\.example\.test/), /Status: EXPIRED/);
    await row(page, 'Certificates', /^legacy\.example\.test/).click({ button: 'right' });
    for (const title of ['Verify Certificate', 'Back Up Certificates…', 'Restore Certificates…'])
      await page.locator('.monaco-menu .action-menu-item', { hasText: title }).waitFor();
    await shots.take('certificate-actions');
    await page.keyboard.press('Escape');
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
}
