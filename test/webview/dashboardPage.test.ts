import assert from 'node:assert/strict';
import { dashboardModel } from '../../extension/dashboard/dashboardModel.ts';
import type { HostView } from '../../extension/state/host.ts';
import type { Dashboard } from '../../webview/dashboardSchema.ts';
import { busyHost, offlineHost } from '../extension/dashboard/scene.ts';
import { hostileHost, hostileTexts } from '../extension/hostileTexts.ts';
import { hidden, plain } from '../../extension/views/text.ts';
import { makeAlert, makeHost, makeRun, makeTask, now } from '../extension/nouns.ts';
import { PageHarness, type OpenPage } from './pageHarness.ts';

const model = (hosts: readonly HostView[], selected: string | null = null): Dashboard =>
  dashboardModel({ hosts, selected, runsOf: (host) => host.data?.runs ?? [], now });
/** The output of the failed backup of the scene. */
const failedRun = 'backup_orders-23400000';
const failedOutput = { type: 'command', command: { name: 'openOutput', host: 'db-01', runId: failedRun } };

describe('dashboard page', function () {
  this.timeout(60_000);
  let harness: PageHarness;
  let open: OpenPage;
  before(async () => {
    harness = await PageHarness.start();
  });
  after(() => harness.stop());
  beforeEach(async () => {
    open = await harness.open();
  });
  afterEach(async () => {
    await open.page.context().close();
  });

  it('says that it is ready, draws what it gets, and stays within its policy', async () => {
    assert.deepEqual(await open.messages(), [{ type: 'ready' }]);
    await open.show(model([busyHost()]));
    const { page } = open;
    assert.equal(await page.locator('[data-tile="health"] .tile-value').innerText(), 'Critical');
    assert.equal(await page.locator('[data-tile="window"] .tile-value').innerText(), '42 min left');
    assert.equal(await page.locator('.names li').count(), 8);
    assert.equal(await page.locator('.run').count(), busyHost().data?.runs.length);
    assert.match(await page.locator('.lifetime').first().innerText(), /legacy\.example\.test[^]*expired 4 days ago/);
    assert.equal(
      await page.locator('.finding').first().getByRole('meter').getAttribute('aria-valuetext'),
      '96 %, threshold 85 %',
    );
    assert.deepEqual(open.trouble, []);
  });

  it('remembers the host, and tells a screen reader when its state changes', async () => {
    await open.show(model([busyHost()]));
    assert.deepEqual(await open.state(), { host: 'db-01' });
    const status = open.page.getByRole('status');
    assert.equal(await status.innerText(), 'db-01: critical, 3 open alerts');
    await open.show(model([offlineHost('db-01', busyHost().data)]));
    assert.equal(await status.innerText(), 'db-01: offline');
    assert.equal(await open.page.locator('main.stale').count(), 1);
  });

  it('shows texts of hosts as texts', async () => {
    const evil = '<img src=x onerror="acquireVsCodeApi()"><b>bold</b>';
    const task = makeTask({ name: evil });
    await open.show(
      model([makeHost({ tasks: [task], alerts: [makeAlert({ title: evil, message: evil })] }, { name: evil })]),
    );
    assert.equal(await open.page.locator('img, b').count(), 0);
    assert.equal(await open.page.locator('h1').innerText(), evil);
    assert.equal(await open.page.locator('.names .name').innerText(), evil);
    assert.deepEqual(open.trouble, []);
  });

  for (const [what, text] of Object.entries(hostileTexts)) {
    it(`V15: shows ${what} of a host as text, and nothing of it runs, loads or can be clicked`, async () => {
      await open.show(model([hostileHost(text)]));
      const { page } = open;
      assert.equal(
        await page
          .locator('img, script:not([nonce]), iframe, object, embed, a[href], [onerror], [onmouseover]')
          .count(),
        0,
      );
      const shown = (await page.locator('body').innerText()).replaceAll(/\s+/g, ' ');
      assert.ok(shown.includes(plain(text).replaceAll(/\s+/g, ' ').trim().slice(0, 12)), shown);
      assert.doesNotMatch(shown, new RegExp(hidden.source, 'u'));
      await page.locator('.mark[data-bar="run-2"]').hover({ timeout: 5000 });
      assert.deepEqual(await open.messages(), [{ type: 'ready' }]);
      assert.deepEqual(open.trouble, []);
    });
  }

  it('shows what a bar is under the pointer, and a click opens its output', async () => {
    await open.show(model([busyHost()]));
    const mark = open.page.locator(`.mark[data-bar="${failedRun}"]`);
    await mark.hover();
    const details = open.page.getByRole('tooltip');
    assert.match(await details.innerText(), /backup_orders: failed[^]*exit code 2[^]*Click or Enter opens the output/);
    await mark.click();
    assert.deepEqual((await open.messages()).at(-1), failedOutput);
    await open.page.mouse.move(5, 5);
    assert.equal(await details.isVisible(), false);
  });

  it('lets a run be clicked that ends right now, where the line of now and the next run are', async () => {
    const instant = now.toISOString();
    const run = makeRun({ outcome: 'failed', queuedAt: instant, startedAt: instant, endedAt: instant });
    await open.show(model([makeHost({ tasks: [makeTask({ nextRun: instant })], runs: [run] })]));
    await open.page.locator('.mark').click();
    const command = { name: 'openOutput', host: 'db-01', runId: 'run-1' };
    assert.deepEqual((await open.messages()).at(-1), { type: 'command', command });
  });

  it('is one stop of the Tab key in the timeline, where arrow keys and Enter do all', async () => {
    await open.show(model([busyHost()]));
    const { page } = open;
    assert.equal(await page.locator('.run[tabindex="0"]').count(), 1);
    await page.locator('.run[tabindex="0"]').focus();
    for (const key of ['ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowDown']) await page.keyboard.press(key);
    for (const key of ['Home', 'ArrowRight', 'ArrowRight']) await page.keyboard.press(key);
    assert.match(
      (await page.locator(':focus').getAttribute('aria-label')) ?? '',
      /^backup_orders: failed, .*exit code 2/,
    );
    assert.match(await page.getByRole('tooltip').innerText(), /backup_orders: failed/);
    await page.keyboard.press('Enter');
    assert.deepEqual((await open.messages()).at(-1), failedOutput);
    await page.keyboard.press('Escape');
    assert.equal(await page.getByRole('tooltip').isVisible(), false);
  });

  it('keeps the focus where it is when what it stands on is drawn anew', async () => {
    const host = busyHost();
    await open.show(model([host]));
    const { page } = open;
    const focusedKey = (): Promise<string | null> => page.locator('[data-key]:focus').getAttribute('data-key');
    const later = (minutes: number): Dashboard =>
      dashboardModel({
        hosts: [host],
        selected: null,
        runsOf: () => host.data?.runs ?? [],
        now: new Date(now.getTime() + minutes * 60_000),
      });
    await page.locator('[data-key="alert/a1/acknowledgeAlert"]').focus();
    await open.show(later(5));
    assert.equal(await focusedKey(), 'alert/a1/acknowledgeAlert');
    await page.locator('.run[tabindex="0"]').focus();
    await page.keyboard.press('Home');
    const bar = await focusedKey();
    await open.show(later(6));
    assert.equal(await focusedKey(), bar);
  });

  it('asks for what its buttons say', async () => {
    await open.show(model([busyHost()]));
    const { page } = open;
    await page.getByRole('button', { name: 'Acknowledge Disk /var is nearly full' }).click();
    await page.getByRole('button', { name: 'Extend the window Reindex the warehouse' }).press('Enter');
    const commands = (await open.messages()).slice(1);
    assert.deepEqual(commands, [
      { type: 'command', command: { name: 'acknowledgeAlert', host: 'db-01', alertId: 'a1' } },
      { type: 'command', command: { name: 'extendWindow', host: 'db-01', windowId: 'w1' } },
    ]);
  });

  it('offers a choice between several hosts, which stays open while their states change', async () => {
    const hosts = [busyHost(), makeHost({}, { name: 'web-01' }), offlineHost('web-02')];
    await open.show(model(hosts));
    const { page } = open;
    const choice = page.locator('vscode-dropdown');
    await choice.click();
    await open.show(model([makeHost(), makeHost({}, { name: 'web-01' }), offlineHost('web-02')]));
    await page.locator('vscode-option', { hasText: 'web-02 (offline)' }).click();
    assert.deepEqual((await open.messages()).at(-1), { type: 'selectHost', host: 'web-02' });
    await open.show(model(hosts, 'web-02'));
    assert.equal(await page.getByRole('heading', { level: 1, name: 'web-02 is offline' }).count(), 1);
    assert.equal(await page.locator('main').isVisible(), false);
    await page.getByRole('button', { name: 'Reconnect to web-02 now' }).click();
    assert.deepEqual((await open.messages()).at(-1), {
      type: 'command',
      command: { name: 'reconnect', host: 'web-02' },
    });
  });

  it('welcomes where there is no host', async () => {
    await open.show(model([]));
    await open.page.getByRole('button', { name: 'Create a configuration for this machine' }).click();
    assert.deepEqual((await open.messages()).at(-1), { type: 'command', command: { name: 'createConfiguration' } });
    assert.equal(await open.page.locator('header').isVisible(), false);
  });

  it('refuses a message that it does not know, reports it, and goes on', async () => {
    await open.show(model([busyHost()]));
    await open.postRaw({ type: 'dashboard', dashboard: { hosts: '<b>' } });
    const last = (await open.messages()).at(-1);
    assert.match(JSON.stringify(last), /"type":"problem".*a message of the extension was refused/);
    assert.equal(await open.page.locator('[data-tile]').count(), 4);
  });

  it('moves nothing for people who want no motion, and fits a narrow editor', async () => {
    const still = await harness.open({ reducedMotion: 'reduce', width: 480 });
    await still.show(model([busyHost()]));
    const { page } = still;
    const animated = 'document.getAnimations().filter((one) => one instanceof CSSAnimation).length';
    assert.equal(await page.evaluate(animated), 0);
    const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
    assert.equal(await page.evaluate(overflow), 0);
    await page.context().close();
  });
});
