/** The part of the journey about what holds work back and who lets it go: pause, snooze, blackout, approval, options. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import {
  answerDialog,
  contextMenu,
  inlineAction,
  pickItem,
  quickInput,
  runCommand,
  typeAnswer,
  untilQuickInput,
} from './browser.ts';
import type { JourneySandbox } from './journeySandbox.ts';
import type { Shots } from './journeyShots.ts';
import { closeToasts, dragSideBar, editorWith, row, statusBarItem, toast, unfoldOnly } from './journeyViews.ts';

export interface Journey {
  readonly journey: JourneySandbox;
  readonly page: Page;
  readonly shots: Shots;
}

/** Two more tasks: one that people approve, one in a blackout that ends in five days. */
const moreTasks = `
    - name: purge_archive
      description: Rotates every log now
      procedure: rotate-logs
      options: { force: true }
      approval: { required: 1 }

    - name: refresh_statistics
      description: Held back before the holidays
      procedure: update-statistics
      schedule: "0 4 * * *"

  blackouts:
    - { name: holiday freeze, from: ${dayFromNow(0)}, to: ${dayFromNow(5)}, tasks: [refresh_statistics] }

  thresholds:`;

export function engineSteps(given: () => Journey): void {
  it('takes tasks that need approval or are in a blackout from the saved configuration', async () => {
    const { page, journey } = given();
    const { configuration } = journey.paths;
    const text = readFileSync(configuration, 'utf8');
    assert.ok(text.includes('\n  thresholds:'));
    writeFileSync(configuration, text.replace('\n  thresholds:', moreTasks));
    await closeToasts(page);
    // The configuration beside the tasks: what the pictures show belongs together.
    await runCommand(page, 'View: Close All Editors');
    await runCommand(page, 'Upkeep: Open Configuration');
    await editorWith(page, /purge_archive/);
    await dragSideBar(page, 600);
    await unfoldOnly(page, 'Tasks');
    await row(page, 'Tasks', /^refresh_statistics, in the blackout holiday freeze until \d{4}-\d\d-\d\d/).waitFor();
    await row(page, 'Tasks', /^purge_archive, by hand/).waitFor();
  });

  it('asks for a reason before it runs a task in a blackout', async () => {
    const { page, shots } = given();
    const question = quickInput(page).filter({ hasText: 'give a reason to run it all the same' });
    await untilQuickInput(page, async () => {
      // VS Code forgets which row was clicked when the view is drawn anew at that moment: it then asks for the task.
      if (await quickInput(page).isVisible()) await page.keyboard.press('Escape');
      await inlineAction(row(page, 'Tasks', /^refresh_statistics/), 'Run Task');
      await question.waitFor({ timeout: 5_000 });
    });
    await quickInput(page).locator('input.input').fill('Plans of the shop are wrong, customers wait');
    await shots.take('reason');
    await page.keyboard.press('Enter');
    await row(page, 'Tasks', /^refresh_statistics, .*(succeeded|nothing to do|warning) /).waitFor({ timeout: 60_000 });
  });

  it('shows who asks for a run that waits for approval, and what it would do, and starts it once approved', async () => {
    const { page, shots } = given();
    await closeToasts(page);
    await inlineAction(row(page, 'Tasks', /^purge_archive/), 'Run Task');
    await row(page, 'Tasks', /^purge_archive, waits for 1 approval/).waitFor();
    const asked = toast(page, /asks to run purge_archive/);
    await asked.waitFor();
    await statusBarItem(page).filter({ hasText: '1 to approve' }).waitFor();
    await shots.take('approval');
    await asked.getByRole('button', { name: 'Approve…' }).click();
    await page.locator('.monaco-dialog-box').waitFor();
    await shots.take('approval-question');
    assert.match(await answerDialog(page, 'Approve'), /Rotate Logs[^]*Options: Force: yes[^]*Approvals: 0 of 1/);
    await row(page, 'Tasks', /^purge_archive, (succeeded|warning) /).waitFor({ timeout: 60_000 });
    await statusBarItem(page).filter({ hasNotText: 'to approve' }).waitFor();
  });

  it('pauses the schedules of the host with a reason, snoozes a task, and lets the schedules run again', async () => {
    const { page, shots } = given();
    await untilQuickInput(page, () => contextMenu(page, row(page, 'Tasks', /^log_rotation/), 'Snooze Task…'));
    await pickItem(page, '2 hours');
    await row(page, 'Tasks', /^log_rotation, snoozed until \d\d:\d\d|^log_rotation, snoozed until tomorrow/).waitFor();
    await untilQuickInput(page, () => contextMenu(page, row(page, 'Tasks', /^sandbox/), 'Pause Schedules…'));
    await typeAnswer(page, 'Migration of the orders database');
    const paused = row(page, 'Tasks', /^Schedules are paused, by .*Migration of the orders database/);
    await paused.waitFor();
    await statusBarItem(page).filter({ hasText: 'paused' }).waitFor();
    await shots.take('paused');
    await inlineAction(paused, 'Resume Schedules');
    await paused.waitFor({ state: 'detached' });
    await inlineAction(row(page, 'Tasks', /^log_rotation/), 'End Snooze');
    await row(page, 'Tasks', /^log_rotation, (?!snoozed)/).waitFor();
  });

  it('runs a procedure with options from its form, after saying what that does to the host', async () => {
    const { page, shots } = given();
    await untilQuickInput(page, () => runCommand(page, 'Upkeep: Run Procedure…'));
    await quickInput(page).locator('.monaco-list-row').first().waitFor();
    await shots.take('procedures');
    await quickInput(page).locator('input.input').fill('Rotate Logs');
    await pickItem(page, 'Rotate Logs');
    await quickInput(page).locator('.monaco-list-row', { hasText: 'Dry Run' }).waitFor();
    await pickItem(page, 'Force');
    await pickItem(page, 'Yes');
    await quickInput(page).locator('.monaco-list-row', { hasText: 'Reset Options' }).waitFor();
    await shots.take('procedure-form');
    await pickItem(page, 'Run…');
    await page.locator('.monaco-dialog-box').waitFor();
    await shots.take('procedure-question');
    assert.match(await answerDialog(page, 'Run'), /Options: Force: yes[^]*It changes this host\.[^]*renamed/);
    await editorWith(page, /\[upkeep\] rotate-logs ended/);
  });
}

/** `2026-12-24`; the agent of the sandbox reads it in UTC. */
function dayFromNow(days: number): string {
  return new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
}
