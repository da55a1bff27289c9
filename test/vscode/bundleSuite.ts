import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { repository } from '../sandbox/paths.ts';

/**
 * Bundles test/vscode/suite/*.test.ts into one ES module with the `run()` that VS Code's `extensionTestsPath` wants.
 * It lies inside the extension's folder, so that tests and extension share one `vscode`: a stub that a test puts there
 * works in the extension too.
 */
export async function bundleSuite(): Promise<string> {
  const folder = join(repository, 'test', 'vscode', 'suite');
  const files = readdirSync(folder).filter((name) => name.endsWith('.test.ts'));
  const imports = files.map((name) => `() => import(${JSON.stringify(`./${name}`)})`);
  const outfile = join(repository, 'dist', 'test', 'suite.js');
  await build({
    stdin: {
      contents: `import { runSuite } from '../suite.ts';\nexport const run = () => runSuite([${imports.join(', ')}]);\n`,
      resolveDir: folder,
      loader: 'ts',
    },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node22.13',
    sourcemap: 'inline',
    external: ['vscode', 'mocha'],
    logLevel: 'warning',
  });
  return outfile;
}
