import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { commandIds } from '../../../extension/ids.ts';
import type { Target } from '../../../extension/views/node.ts';
import { Answers } from './answers.ts';
import { closeEditors, host, run, task } from './commands.ts';
import { exists, inWorkspace, textOf, when } from './waiting.ts';

describe('the local agent in VS Code', () => {
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

  it('runs a task and shows its output to the end, read-only', async () => {
    await run('runTask', task('greeting'));
    await run('openOutput', task('greeting'));
    const text = await textOf(/greeting\.log$/, /ended/);
    assert.match(text, /^Hello from .*greet\.sh\n\n\[upkeep\] greeting ended: succeeded after /);
    const uri = vscode.window.activeTextEditor?.document.uri;
    assert.equal(uri?.scheme, 'upkeep-output');
    assert.equal(vscode.workspace.fs.isWritableFileSystem(uri.scheme), false);
  });

  it('follows the output of a running task and cancels it', async () => {
    await run('runTask', task('waiting'));
    await run('openOutput', task('waiting'));
    assert.doesNotMatch(await textOf(/waiting\.log$/, /waiting/), /ended/);
    await run('cancelRun', task('waiting'));
    assert.match(await textOf(/waiting\.log$/, /ended/), /\[upkeep\] waiting ended: cancelled/);
  });

  it('tells of a failed task with an alert that leads to its output', async () => {
    answers.willPress('Open Output', /failing failed/);
    await run('runTask', task('failing'));
    const told = await answers.hear(/failing failed/);
    assert.equal(told.kind, 'error');
    assert.match(await textOf(/failing\.log$/, /ended/), /This goes wrong[^]*ended: failed after .*exit code 3/);
  });

  it('shows the details of a run', async () => {
    await run('showRunDetails', task('failing'));
    assert.match(await textOf(/failing\.txt$/, /Findings/), /Because +exit code 3/);
  });

  it('starts, extends and ends a maintenance window', async () => {
    const flag = inWorkspace('maintenance.flag');
    answers.willBe('bloat on orders', '30 minutes', 'greeting');
    await run('startWindow', { kind: 'host', host });
    assert.equal(await exists(flag), true);
    answers.willBe('15 minutes');
    // Only one window is open, so it is the one that is meant; it is known by the event that follows the answer.
    await run('extendWindow');
    answers.willBe('End Window');
    await run('endWindow');
    assert.equal(await exists(flag), false);
    assert.match((await answers.hear(/End the window/)).message, /bloat on orders.*local/);
  });

  it('runs a block of a runbook after its exact text was confirmed', async () => {
    const uri = inWorkspace('runbooks/greet.md');
    await vscode.window.showTextDocument(uri);
    const lenses = await vscode.commands.executeCommand<vscode.CodeLens[]>('vscode.executeCodeLensProvider', uri);
    const lens = lenses.find((one) => one.command?.command === commandIds.runBlock);
    assert.match(lens?.command?.title ?? '', /Run on local/);
    answers.willBe('Run');
    await run('runBlock', lens?.command?.arguments?.[0] as Target);
    const asked = await answers.hear(/Run this sh block on local/);
    assert.equal(asked.detail.split('\n\n')[0], 'echo "hello from the runbook"');
    assert.match(await textOf(/Greet the host · block 1\.log$/, /ended/), /^hello from the runbook\n/);
  });

  it('runs no block without the confirmation, and none with hidden characters', async () => {
    const text = '# x\n\n```sh\necho safe \u202E; true\n```\n\n```sh\necho plain\n```\n';
    const uri = inWorkspace('hidden.md');
    await vscode.workspace.fs.writeFile(uri, Buffer.from(text));
    await run('runBlock', { kind: 'block', uri: uri.toString(), line: 3, host });
    assert.match((await answers.hear(/hides or reorders/)).message, /^Line 4, column 11 of the runbook holds U\+202E/);
    await run('runBlock', { kind: 'block', uri: uri.toString(), line: 7, host });
    await answers.hear(/Run this sh block/);
    assert.equal(vscode.window.visibleTextEditors.length, 0);
  });

  it('keeps the last good configuration, and shows what is wrong with the new one', async () => {
    const uri = inWorkspace('maintenance.yaml');
    const good = await vscode.workspace.fs.readFile(uri);
    const bad = Buffer.from(Buffer.from(good).toString('utf8').replace('script: wait.sh', 'scrpt: wait.sh'));
    const changed = vscode.languages.onDidChangeDiagnostics as vscode.Event<never>;
    await vscode.workspace.fs.writeFile(uri, bad);
    const [problem] = await when(() => {
      const found = vscode.languages.getDiagnostics(uri).filter((one) => one.source === 'upkeep');
      return found.length === 0 ? undefined : found;
    }, changed);
    assert.match(problem?.message ?? '', /scrpt/);
    assert.equal(bad.toString('utf8').split('\n')[problem?.range.start.line ?? -1]?.includes('scrpt'), true);
    assert.equal((await answers.hear(/the configuration/)).kind, 'warning');
    await vscode.workspace.fs.writeFile(uri, good);
    await when(() => (vscode.languages.getDiagnostics(uri).length === 0 ? true : undefined), changed);
  });

  it('leaves the files of the workspace alone when it creates a configuration', async () => {
    const uri = inWorkspace('maintenance.yaml');
    const before = await vscode.workspace.fs.readFile(uri);
    await run('createConfiguration');
    assert.deepEqual(await vscode.workspace.fs.readFile(uri), before);
    assert.equal(await exists(inWorkspace('runbooks/certificate-about-to-expire.md')), true);
    assert.match((await answers.hear(/Left as they were/)).message, /maintenance\.yaml/);
  });
});
