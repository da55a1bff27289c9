import assert from 'node:assert/strict';
import { join } from 'node:path';
import { build, type Metafile } from 'esbuild';

const root = join(import.meta.dirname, '..', '..');

describe('bundle of the agent', () => {
  let outputs: Metafile['outputs'];
  before(async () => {
    const { metafile } = await build({
      absWorkingDir: root,
      entryPoints: ['agent/main.ts'],
      bundle: true,
      splitting: true,
      platform: 'node',
      format: 'esm',
      write: false,
      metafile: true,
      outdir: 'dist',
      external: ['pg-native', 'bufferutil', 'utf-8-validate'],
      logLevel: 'silent',
    });
    ({ outputs } = metafile);
  });

  /** Sources of the piece that begins with `entry`, and of all that it imports at once. */
  function loadedBy(entry: string): readonly string[] {
    const pieces = new Set<string>();
    const add = (name: string | undefined): void => {
      const output = name === undefined ? undefined : outputs[name];
      if (name === undefined || output === undefined || pieces.has(name)) return;
      pieces.add(name);
      for (const { path, kind } of output.imports) if (kind === 'import-statement') add(path);
    };
    add(Object.keys(outputs).find((name) => outputs[name]?.entryPoint === entry));
    assert.ok(pieces.size > 0, entry);
    return [...pieces].flatMap((name) => Object.keys(outputs[name]?.inputs ?? {}));
  }

  const packages = (sources: readonly string[], names: string): readonly string[] =>
    sources.filter((source) => new RegExp(`^node_modules/(?:${names})/`).test(source));

  it('loads for a serving agent nothing that only procedures, runbooks, e-mail or a scrape need', () => {
    const sources = loadedBy('agent/cli/serve.ts');
    assert.ok(sources.includes('agent/agent.ts'));
    assert.deepEqual(packages(sources, 'pg|execa|node-forge|nodemailer|markdown-it|prom-client'), []);
    assert.deepEqual(
      sources.filter((source) => /^agent\/procedures\/.*Work\.ts$/.test(source)),
      [],
    );
  });

  it('loads for a procedure neither the agent nor what another procedure works with', () => {
    const sources = [...loadedBy('agent/cli/procedure.ts'), ...loadedBy('agent/procedures/health/healthCheckWork.ts')];
    assert.ok(!sources.includes('agent/agent.ts'));
    assert.deepEqual(packages(sources, 'pg|execa|node-forge|ws|vscode-jsonrpc|pino'), []);
  });
});
