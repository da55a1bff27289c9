import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { Answers } from './answers.ts';
import { closeEditors, run, task } from './commands.ts';
import { inWorkspace, textOf, when } from './waiting.ts';

describe('schedules, approvals and procedures in VS Code', () => {
  let answers: Answers;

  before(async () => {
    await vscode.extensions.getExtension('upkeep.upkeep')?.activate();
    // A command on a host that is named waits for its connection.
    await run('runTask', task('greeting'));
  });
  beforeEach(() => {
    answers = new Answers();
  });
  afterEach(async () => {
    await closeEditors();
    answers.restore();
  });

  it('pauses all schedules with a reason, and lets them run again', async () => {
    answers.willBe('a migration');
    await run('pauseSchedules');
    await run('pauseSchedules');
    assert.equal((await answers.hear(/schedules that could be paused/)).kind, 'error');
    await run('resumeSchedules');
    await run('resumeSchedules');
    await answers.hear(/No connected host has paused schedules/);
  });

  it('snoozes a task for a while or until a time of the person, and ends that', async () => {
    answers.willBe('30 minutes');
    await run('snoozeTask', task('yearly'));
    await run('endSnooze', task('yearly'));
    answers.willBe('Other…', '2d');
    await run('snoozeTask', task('yearly'));
    answers.willBe('yearly');
    await run('endSnooze');
    await run('endSnooze');
    await answers.hear(/No connected host has such a task/);
  });

  it('asks for a reason in a blackout, and sends it along', async () => {
    answers.willBe('the disk is full');
    await run('runTask', task('frozen'));
    await run('openOutput', task('frozen'));
    await textOf(/frozen\.log$/, /ended: succeeded/);
    await run('showRunDetails', task('frozen'));
    assert.match(await textOf(/frozen\.txt$/, /Findings/), /Reason +the disk is full/);
  });

  it('tells that a run waits for approval, shows what would run, and starts it once approved', async () => {
    await run('runTask', task('guarded'));
    const asked = await answers.hear(/asks to run guarded/);
    assert.match(asked.message, /^local: unix:\S+ asks to run guarded: it needs the approval of 1 person$/);
    answers.willBe('Approve');
    await run('approveRun', task('guarded'));
    const { message, detail } = await answers.hear(/^Approve guarded/);
    assert.equal(message, 'Approve guarded on local?');
    assert.match(detail, /^Command: \S+greet\.sh\n[^]*Asked for by: unix:\S+ \(manual\)[^]*Approvals: 0 of 1/);
    await run('openOutput', task('guarded'));
    await textOf(/guarded\.log$/, /ended: succeeded/);
  });

  it('rejects a run with a reason for the one who asked', async () => {
    await run('runTask', task('guarded'));
    await answers.hear(/asks to run guarded/);
    answers.willBe('not tonight');
    await run('rejectRun');
    await run('showRunDetails', task('guarded'));
    assert.match(await textOf(/guarded\.txt$/, /cancelled/), /Because +[^\n]*not tonight/);
    await run('approveRun');
    await answers.hear(/No run waits for approval/);
  });

  it('runs a procedure with options that were chosen in its form, after saying what it does', async () => {
    answers.willBe('Check Health', 'Full', 'Yes', 'Run…', 'Run');
    await run('runProcedure');
    const { detail } = await answers.hear(/Check Health on local/);
    assert.match(detail, /Options: Full: yes\nHost: local \(this machine\)\n\nIt only looks/);
    await textOf(/health-check\.log$/, /ended/);
  });

  it('dry-runs a procedure without asking', async () => {
    answers.willBe('Rotate Logs', 'Dry Run');
    await run('runProcedure', { kind: 'host', host: 'local' });
    await textOf(/rotate-logs\.log$/, /ended/);
    assert.deepEqual(
      answers.told.filter(({ kind }) => kind === 'modal'),
      [],
    );
  });

  it('runs the remedy of a finding after saying what it does, and none that this agent does not have', async () => {
    const finding = { level: 'warning', code: 'disk.usage', subject: '/', message: 'full' } as const;
    const remedy = { procedure: 'health-check', options: { full: true }, title: 'Look closer' };
    answers.willBe('Run');
    await run('runRemedy', { kind: 'finding', host: 'local', finding, remedy });
    const { detail } = await answers.hear(/^Look closer on local\?$/);
    assert.match(detail, /^Check Health \(health-check\): [^]*Options: Full: yes\n[^]*It only looks/);
    await textOf(/health-check\.log$/, /ended/);
    const unknown = { ...remedy, procedure: 'renew-everything' };
    await run('runRemedy', { kind: 'finding', host: 'local', finding, remedy: unknown });
    await answers.hear(/There is no procedure "renew-everything"/);
  });

  it('leaves a problem of the configuration to a YAML extension that shows it already', async () => {
    const uri = inWorkspace('maintenance.yaml');
    const changed = vscode.languages.onDidChangeDiagnostics as vscode.Event<never>;
    const ours = (): readonly vscode.Diagnostic[] =>
      vscode.languages.getDiagnostics(uri).filter((one) => one.source === 'upkeep');
    const good = await vscode.workspace.fs.readFile(uri);
    const bad = Buffer.from(good).toString('utf8').replace('script: fail.sh', 'scrpt: fail.sh');
    await vscode.workspace.fs.writeFile(uri, Buffer.from(bad));
    const [problem] = await when(() => (ours().length === 0 ? undefined : ours()), changed);
    assert.ok(problem);
    const yaml = vscode.languages.createDiagnosticCollection('yaml');
    const { line, character } = problem.range.start;
    const same = new vscode.Diagnostic(new vscode.Range(line, character, line, character + 5), 'not allowed');
    same.source = 'yaml-schema: maintenance.yaml';
    yaml.set(uri, [same]);
    await when(() => (ours().some(({ range }) => range.start.line === line) ? undefined : true), changed);
    yaml.dispose();
    await when(() => (ours().length === 0 ? undefined : true), changed);
    await vscode.workspace.fs.writeFile(uri, good);
    await when(() => (ours().length === 0 ? true : undefined), changed);
  });
});
