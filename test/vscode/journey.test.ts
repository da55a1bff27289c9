/** One journey through the installed extension, in a browser, against the sandbox's real agent. */
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { ordersStatistics } from '../sandbox/database.ts';
import {
  answerDialog,
  inlineAction,
  pickItem,
  quickInput,
  runCommand,
  typeAnswer,
  untilQuickInput,
  webview,
} from './browser.ts';
import { certificateSteps } from './journeyCertificates.ts';
import { engineSteps } from './journeyEngine.ts';
import { hostSteps } from './journeyHosts.ts';
import { startJourneySandbox, type JourneySandbox } from './journeySandbox.ts';
import { Shots } from './journeyShots.ts';
import { trustSteps } from './journeyTrust.ts';
import {
  activeTab,
  closeToasts,
  dragSideBar,
  editorEndsWith,
  editorWith,
  openRow,
  row,
  rowTexts,
  statusBarItem,
  toast,
  unfoldOnly,
  view,
  viewHeader,
  viewTitles,
} from './journeyViews.ts';

describe('a night on call, in VS Code', function () {
  this.bail(true);
  let journey: JourneySandbox;
  let page: Page;
  let shots: Shots;

  before(async () => {
    journey = await startJourneySandbox();
    page = journey.page;
    page.setDefaultTimeout(30_000);
    shots = new Shots(page, join(journey.paths.artefacts, 'journey'));
  });

  afterEach(async function () {
    if (this.currentTest?.state !== 'failed') return;
    await shots.takeFailure(this.currentTest.title);
    copyFileSync(journey.paths.agentLog, join(journey.paths.artefacts, 'journey', 'agent.log'));
  });

  after(async () => {
    const killed = await (journey as JourneySandbox | undefined)?.stop();
    assert.deepEqual(killed ?? [], [], 'processes that had to be killed');
  });

  trustSteps(() => ({ journey, page, shots }));

  it('shows five views, and the tasks of the host with their next run', async () => {
    for (const title of viewTitles) await view(page, title).waitFor();
    await row(page, 'Tasks', /^sandbox, 4 tasks/).waitFor();
    await row(page, 'Tasks', /^daily_vacuum, next in 1[123] h/).waitFor();
    await row(page, 'Certificates', /mail\.example\.test/).waitFor();
    await shots.take('views');
  });

  it('runs daily_vacuum, which takes away the dead rows, and says that it succeeded', async () => {
    const before = await ordersStatistics(journey.sandbox.databaseUrl);
    await inlineAction(row(page, 'Tasks', /^daily_vacuum/), 'Run Task');
    await row(page, 'Tasks', /^daily_vacuum, succeeded (just now|\d+ s ago)/).waitFor({ timeout: 60_000 });
    await unfoldOnly(page, 'Tasks');
    await openRow(page, 'Tasks', /^daily_vacuum/, /succeeded · .* · manual/);
    const after = await ordersStatistics(journey.sandbox.databaseUrl);
    assert.ok(before.dead > 40_000 && after.dead === 0, `dead rows: ${before.dead} before, ${after.dead} after`);
  });

  it('opens the output of that run, which names the table that was vacuumed', async () => {
    await row(page, 'Tasks', /succeeded · .* · manual/).click();
    assert.match(await editorWith(page, /public\.orders/), /VACUUM/);
    assert.match(await activeTab(page).innerText(), /daily_vacuum/);
    await shots.take('output');
  });

  it('runs a task that was picked from the palette, tells of its alert, and opens its output from there', async () => {
    await untilQuickInput(page, () => runCommand(page, 'Upkeep: Run Task'));
    await pickItem(page, 'certificate_check');
    await row(page, 'Tasks', /^certificate_check, .*warning/).waitFor({ timeout: 60_000 });
    const alert = toast(page, /certificate_check/);
    await alert.waitFor();
    await dragSideBar(page, 600);
    await shots.take('tasks');
    await alert.getByRole('button', { name: 'Open Output' }).click();
    assert.match(await editorWith(page, /legacy\.example\.test/), /EXPIRED/);
    assert.match(await activeTab(page).innerText(), /certificate_check/);
  });

  it('shows the certificate that expires soon with the days that it has left, and the expired one before it', async () => {
    await unfoldOnly(page, 'Certificates');
    await row(page, 'Certificates', /^mail\.example\.test, 3 days left/).waitFor();
    const texts = await rowTexts(page, 'Certificates');
    const expired = texts.findIndex((text) => /legacy.*expired \d days? ago/s.test(text));
    const soon = texts.findIndex((text) => /mail.*3 days left/s.test(text));
    assert.ok(expired !== -1 && expired < soon, `expired first, then soon: ${texts.join('; ')}`);
    await openRow(page, 'Certificates', /^mail\.example\.test/, /^Valid until/);
    await shots.take('certificates');
  });

  certificateSteps(() => ({ journey, page, shots }));
  describe('with a second host', () => {
    hostSteps(() => ({ journey, page, shots }));
  });

  it('shows in Health what is wrong, with the open alerts on top', async () => {
    await unfoldOnly(page, 'Health');
    await row(page, 'Health', /mail\.example\.test.*expires/).waitFor();
    assert.match(await statusBarItem(page).innerText(), /\d+ alerts/);
    await shots.take('health');
  });

  it('opens a runbook, and runs the block under "Run on sandbox" once its exact text was confirmed', async () => {
    await dragSideBar(page, 440);
    await unfoldOnly(page, 'Runbooks');
    await row(page, 'Runbooks', /^A certificate expires, 3 blocks/).click();
    const lenses = page.locator('.codelens-decoration a', { hasText: 'Run on sandbox' });
    await editorWith(page, /check-certificates\.sh/);
    await lenses.nth(2).waitFor();
    assert.equal(await lenses.count(), 3, 'one lens for each block');
    await openRow(page, 'Runbooks', /^Table bloat/, /df -h/);
    await shots.take('runbook');
    await lenses.first().click();
    await page.locator('.monaco-dialog-box').waitFor();
    await shots.take('runbook-confirmation');
    const question = await answerDialog(page, 'Run');
    assert.match(question, /check-certificates\.sh/);
    assert.match(question, /SHA-256: [0-9a-f]{12}/);
    // The output stands beside the runbook, where the focus stays.
    await page.locator('.tab', { hasText: 'A certificate expires · Look' }).click();
    await editorWith(page, /Domain: mail\.example\.test/);
    await editorEndsWith(page, /\[upkeep\] .* ended/);
    await shots.take('runbook-output');
  });

  it('runs a block of the shell from the Runbooks view, and shows what it wrote', async () => {
    await inlineAction(await openRow(page, 'Runbooks', /^Table bloat/, /df -h/), 'Run Block');
    assert.match(await answerDialog(page, 'Run'), /df -h/);
    await page.locator('.tab', { hasText: 'Table bloat · Look' }).click();
    assert.match(await editorWith(page, /\[upkeep\] .* ended: succeeded/), /Filesystem/);
  });

  it('starts a maintenance window, which puts the shop into maintenance mode and shows the time left', async () => {
    const { flagFile } = journey.paths;
    await dragSideBar(page, 600);
    await unfoldOnly(page, 'Maintenance');
    assert.equal(existsSync(flagFile), false);
    assert.equal(await shopStatus(journey), 200);
    await untilQuickInput(page, () => runCommand(page, 'Upkeep: Start Maintenance Window…'));
    await typeAnswer(page, 'Replace the certificate of mail.example.test');
    await quickInput(page).locator('.monaco-list-row', { hasText: '1 hour' }).waitFor();
    await shots.take('window-question');
    await pickItem(page, '1 hour');
    await quickInput(page).locator('.monaco-list-row', { hasText: 'log_rotation' }).click();
    await page.keyboard.press('Enter');
    const left = /(1 h|59 min) left/;
    await row(
      page,
      'Maintenance',
      new RegExp(`^${left.source}: Replace the certificate of mail.example.test`),
    ).waitFor();
    await statusBarItem(page).filter({ hasText: left }).waitFor();
    assert.equal(existsSync(flagFile), true, 'the flag file is there');
    assert.equal(await shopStatus(journey), 503);
  });

  it('runs the plan of the window, and holds back the alert that the shop is down', async () => {
    const planned = row(page, 'Maintenance', /^log_rotation, succeeded/);
    await planned.waitFor({ timeout: 60_000 });
    await planned.click();
    await editorWith(page, /shop\.log/);
    await unfoldOnly(page, 'Health');
    await inlineAction(viewHeader(page, 'Health'), 'Run Checks Now');
    await row(page, 'Health', /shop website.*held by a window/).waitFor({ timeout: 60_000 });
    await shots.take('health-held');
    await unfoldOnly(page, 'Maintenance');
    await row(page, 'Maintenance', /^Alerts held, [1-9]/).waitFor();
    await shots.take('maintenance');
  });

  it('extends the window, and ends it: maintenance mode is off, and the window stands among the past ones', async () => {
    const { flagFile } = journey.paths;
    await unfoldOnly(page, 'Maintenance');
    const window = row(page, 'Maintenance', /left: Replace the certificate/);
    await untilQuickInput(page, () => inlineAction(window, 'Extend Window'));
    await pickItem(page, '30 minutes');
    // Without these 30 minutes it would be an hour at most.
    const left = /1 h (30|2\d) min left/;
    await row(page, 'Maintenance', new RegExp(`^${left.source}: Replace the certificate`)).waitFor();
    await statusBarItem(page).filter({ hasText: left }).waitFor();
    await inlineAction(window, 'End Window');
    assert.match(await answerDialog(page, 'End Window'), /Maintenance mode goes off/);
    await openRow(page, 'Maintenance', /^Past windows, 1 window/, /^Replace the certificate/);
    await statusBarItem(page).filter({ hasNotText: 'left' }).waitFor();
    assert.equal(existsSync(flagFile), false, 'the flag file is gone');
    assert.equal(await shopStatus(journey), 200);
    await shots.take('maintenance-past');
  });

  it('takes the alert of the shop away once a check has found it well again', async () => {
    await unfoldOnly(page, 'Health');
    await inlineAction(viewHeader(page, 'Health'), 'Run Checks Now');
    await row(page, 'Health', /shop website is not available/).waitFor({ state: 'detached', timeout: 60_000 });
  });

  engineSteps(() => ({ journey, page, shots }));

  it('sums everything up on the dashboard', async () => {
    await runCommand(page, 'Upkeep: Open Dashboard');
    const dashboard = await webview(page, 'body[data-view="dashboard"]');
    await dashboard.getByText('mail.example.test').first().waitFor();
    await dashboard.getByText('daily_vacuum').first().waitFor();
    await dragSideBar(page, 360);
    await unfoldOnly(page, 'Tasks');
    await closeToasts(page);
    await shots.take('dashboard', dashboard);
    const [most] = await dashboard.locator('.lifetime .link').all();
    assert.equal(await most?.innerText(), 'legacy.example.test');
    await dashboard.locator('.lifetimes').scrollIntoViewIfNeeded();
    await shots.take('dashboard-certificates', dashboard);
    await most?.press('Enter');
    await row(page, 'Certificates', /^legacy\.example\.test, expired/)
      .and(page.locator('.focused'))
      .waitFor();
  });
});

function shopStatus({ sandbox, paths }: JourneySandbox): Promise<number> {
  const ca = readFileSync(join(paths.certificates, 'ca.pem'));
  return new Promise((resolve, reject) => {
    get({ host: 'localhost', port: sandbox.ports.shop, path: '/', ca, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    }).once('error', reject);
  });
}
