import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { Answers } from './answers.ts';
import { closeEditors, host, run, task } from './commands.ts';
import { exists, inWorkspace, textOf } from './waiting.ts';

describe('certificates in VS Code', () => {
  let answers: Answers;

  before(async () => {
    await vscode.extensions.getExtension('upkeep.upkeep')?.activate();
    await run('runTask', task('certificates'));
    await run('openOutput', task('certificates'));
    await textOf(/certificates\.log$/, /ended: succeeded with warnings|ended/);
  });
  beforeEach(() => {
    answers = new Answers();
  });
  afterEach(async () => {
    await closeEditors();
    answers.restore();
  });

  it('verifies the certificate that was pointed at, without a question, for it only looks', async () => {
    await run('verifyCertificate', { kind: 'certificate', host, source: inWorkspace('tls/shop.pem').fsPath });
    const text = await textOf(/verify-certificate\.log$/, /ended/);
    assert.match(text, /Domain: shop\.example\.test\n[^]*Expires: 2021-01-01 \(\d+ days ago\)\nStatus: EXPIRED/);
    const told = await answers.hear(/^Verify Certificate on local: /);
    assert.match(told.message, /shop\.example\.test in \S+shop\.pem expired on .* renew it now/);
  });

  it('says what to configure where nothing renews the certificate or deploys it', async () => {
    const target = { kind: 'certificate', host, source: inWorkspace('tls/shop.pem').fsPath } as const;
    await run('renewCertificate', target);
    await answers.hear(/^Renew Certificate.*not possible with .*; list its domain in certificates\.renew/i);
    await run('deployCertificate', target);
    await answers.hear(/^Deploy Certificate.*list its domain in certificates\.deploy/i);
  });

  it('copies the fingerprint, opens the file, and finds the certificate in its view from a finding about it', async () => {
    const source = inWorkspace('tls/shop.pem').fsPath;
    const target = { kind: 'certificate', host, source } as const;
    await vscode.env.clipboard.writeText('');
    await run('copyFingerprint', target);
    assert.match(await vscode.env.clipboard.readText(), /^[0-9a-f]{64}$/);
    await run('openCertificateFile', target);
    assert.equal(vscode.window.activeTextEditor?.document.uri.fsPath, source);
    const finding = { level: 'critical', code: 'certificates.expiry', subject: source, message: '' } as const;
    await run('showCertificate', { kind: 'finding', host, finding, remedy: null });
    await run('showCertificate', { kind: 'finding', host, finding: { ...finding, code: 'disk.usage' }, remedy: null });
    await answers.hear(/this is not about a certificate/i);
  });

  it('restores nothing while there is no backup, and says so', async () => {
    await run('restoreCertificates');
    await answers.hear(/local has no backup of its certificates: back them up first/i);
  });

  it('lets the person pick a certificate when none was pointed at, and says when one is not known', async () => {
    answers.willBe('shop.example.test');
    await run('verifyCertificate');
    await textOf(/verify-certificate\.log$/, /ended/);
    await run('verifyCertificate', { kind: 'certificate', host, source: '/nowhere.pem' });
    assert.equal((await answers.hear(/not possible with \/nowhere\.pem on local/)).kind, 'error');
  });

  it('backs up the certificates after it has said where to, and what the archive holds', async () => {
    answers.willBe('Run…', 'Run');
    await run('backUpCertificates');
    const { message, detail } = await answers.hear(/^Back Up Certificates on local\?$/);
    assert.equal(message, 'Back Up Certificates on local?');
    assert.match(detail, /It changes this host\.\nWrites an archive of \S+tls to \S+backups, [^]*not encrypted/);
    await textOf(/backup-certificates\.log$/, /read back and compared[^]*ended: succeeded/);
    assert.equal(await exists(inWorkspace('backups')), true);
  });

  it('restores them after it has said what is replaced, from the context menu of a certificate too', async () => {
    const file = inWorkspace('tls/shop.pem');
    const before = Buffer.from(await vscode.workspace.fs.readFile(file)).toString();
    await vscode.workspace.fs.writeFile(file, Buffer.from('lost'));
    const backups = (await vscode.workspace.fs.readDirectory(inWorkspace('backups'))).map(([name]) => name);
    const date = backups.flatMap((name) => /^certificates-(.*)\.tar\.gz$/.exec(name)?.[1] ?? [])[0] ?? '';
    answers.willBe(date, 'Run…', 'Run');
    await run('restoreCertificates', { kind: 'certificate', host, source: file.fsPath });
    const { detail } = await answers.hear(/^Restore Certificates on local\?$/);
    assert.match(detail, /Replaces \S+tls as a whole by the backup of \d{8}-\d{6}[^]*undo archive/);
    const output = await textOf(/restore-certificates\.log$/, /ended: /);
    assert.match(output, /restored \S+tls from [^]*ended: warning/);
    await answers.hear(/shop\.example\.test in the archive has expired on 2021-01-01; renew it after the restore/);
    assert.equal(Buffer.from(await vscode.workspace.fs.readFile(file)).toString(), before);
  });
});
