import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { Answers } from './answers.ts';
import { closeEditors, run } from './commands.ts';
import { textOf, when } from './waiting.ts';

describe('reports in VS Code', () => {
  let answers: Answers;

  before(async () => {
    await vscode.extensions.getExtension('upkeep.upkeep')?.activate();
  });
  beforeEach(() => {
    answers = new Answers();
  });
  afterEach(async () => {
    await closeEditors();
    answers.restore();
  });

  it('opens what analyze-logs has written as a preview, from the notification at its end and from the palette', async () => {
    const preview = (): Promise<string> =>
      when(() => {
        const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
        return tabs.find(({ input }) => input instanceof vscode.TabInputWebview)?.label;
      }, vscode.window.tabGroups.onDidChangeTabs as vscode.Event<never>);
    answers.willBe('Analyze Logs', 'Run…', 'Run');
    answers.willPress('Open Report', /^Analyze Logs on local: /);
    await run('runProcedure');
    assert.match(await preview(), /error-.*\.md/);
    await closeEditors();
    answers.willBe('analyze-logs');
    await run('openReport');
    assert.match(await preview(), /error-.*\.md/);
    const text = await textOf(/error-.*\.md$/, /payment of order/);
    assert.match(text, /^# Errors in logs\n/);
  });
});
