import assert from 'node:assert/strict';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import * as vscode from 'vscode';
import type { CommandName } from '../../../extension/ids.ts';
import type { Target } from '../../../extension/views/node.ts';
import { Answers } from './answers.ts';
import { closeEditors, run } from './commands.ts';
import { inWorkspace } from './waiting.ts';

const name = 'far away';

describe('a viewer of a host, in VS Code', () => {
  const folder = mkdtempSync(join(tmpdir(), 'upkeep-viewer-'));
  const program = join(vscode.extensions.getExtension('upkeep.upkeep')?.extensionPath ?? '', 'dist', 'agent.mjs');
  const environment = { ...process.env, ELECTRON_RUN_AS_NODE: '1', UPKEEP_STATE: join(folder, 'state') };
  const source = inWorkspace('tls/shop.pem').fsPath;
  const socket = join(folder, 'agent.sock');
  let agent: ChildProcess;
  let answers: Answers;

  async function upkeep(...args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(process.execPath, [program, ...args], { env: environment });
    return stdout.trim();
  }

  before(async () => {
    const config = join(folder, 'maintenance.yaml');
    writeFileSync(
      config,
      `maintenance:
  automated_tasks: []
  certificates:
    paths: [${JSON.stringify(source)}]
    renew: [{ domain: shop.example.test }]
    deploy: [{ domain: shop.example.test, cert: /c, key: /k, to: { cert: /d/c, key: /d/k }, reload: ["true"] }]
    backup: { paths: [${folder}], destination: ${folder}/backups }
`,
    );
    const args = ['serve', '--config', config, '--socket', socket, '--listen', '127.0.0.1:0', '--lifetime', 'stdin'];
    agent = spawn(process.execPath, [program, ...args], { env: environment, stdio: ['pipe', 'pipe', 'ignore'] });
    assert.ok(agent.stdout);
    const [line] = (await once(createInterface({ input: agent.stdout }), 'line')) as [string];
    const { listen } = JSON.parse(line) as { readonly listen: string };
    // Its first look at the certificates.
    while (!(await upkeep('checks', '--json', '--socket', socket)).includes(source));
    const token = await upkeep('token', 'create', '--role', 'viewer');
    answers = new Answers();
    answers.willBe(`ws://${listen}`, name, token);
    await run('addHost');
  });
  after(async () => {
    answers.willBe('Remove');
    await run('removeHost', { kind: 'host', host: name });
    answers.restore();
    const ended = once(agent, 'exit');
    agent.kill();
    await ended;
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  afterEach(closeEditors);

  const about: Target = { kind: 'certificate', host: name, source };
  const doings = [
    'verifyCertificate',
    'renewCertificate',
    'deployCertificate',
    'backUpCertificates',
    'restoreCertificates',
  ];
  for (const doing of doings as CommandName[])
    it(`${doing} is refused in one sentence, without a question before it and with nothing begun`, async () => {
      const before = answers.told.length;
      await run(doing, about);
      const told = answers.told.slice(before);
      assert.deepEqual(
        told.map(({ kind, message }) => [kind, message]),
        [['error', `On ${name} this needs the role admin; yours is viewer`]],
      );
      assert.deepEqual(JSON.parse(await upkeep('runs', '--json', '--socket', socket)), []);
    });

  it('may look: the certificate is known, its fingerprint copied', async () => {
    await vscode.env.clipboard.writeText('');
    await run('copyFingerprint', about);
    assert.match(await vscode.env.clipboard.readText(), /^[0-9a-f]{64}$/);
  });
});
