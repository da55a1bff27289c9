// Builds dist/: agent.mjs with agent/ (plain Node), extension.js and maintenance.schema.json (extension host), webview/ (browser). Usage: node esbuild.mjs [--watch] [agent|extension|webview …]
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { build, context } from 'esbuild';

const watch = process.argv.includes('--watch');
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));

// CommonJS dependencies inside an ES module bundle still call require().
const requireBanner =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";
const node = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node22.13',
  // Names stay as they are: esbuild's keepNames would set each function's name anew at every start.
  minifySyntax: true,
  minifyWhitespace: true,
  sourcemap: 'linked',
  legalComments: 'linked',
  logLevel: 'warning',
};

const bundles = {
  agent: {
    ...node,
    // In pieces, so that each command and procedure loads what it uses.
    entryPoints: [{ in: 'agent/main.ts', out: 'agent' }],
    outdir: 'dist',
    outExtension: { '.js': '.mjs' },
    splitting: true,
    chunkNames: 'agent/[name]-[hash]',
    banner: { js: `#!/usr/bin/env node\n${requireBanner}` },
    external: ['pg-native', 'bufferutil', 'utf-8-validate'],
  },
  extension: {
    ...node,
    entryPoints: ['extension/extension.ts'],
    outfile: 'dist/extension.js',
    banner: { js: requireBanner },
    external: ['vscode', 'bufferutil', 'utf-8-validate'],
  },
  webview: {
    bundle: true,
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    minify: true,
    sourcemap: 'linked',
    logLevel: 'warning',
    loader: { '.css': 'css' },
    entryPoints: existsSync('webview')
      ? readdirSync('webview')
          .filter((name) => name.endsWith('.entry.ts'))
          .map((name) => `webview/${name}`)
      : [],
    outdir: 'dist/webview',
  },
};

// Pieces have a hash in their name: those of an earlier build would stay.
if (wanted.length === 0 || wanted.includes('agent')) rmSync('dist/agent', { recursive: true, force: true });
if (wanted.length === 0 && !watch) rmSync('dist', { recursive: true, force: true });
for (const [name, options] of Object.entries(bundles)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const entries = options.entryPoints;
  if (entries.length === 0 || !existsSync(entries[0].in ?? entries[0])) continue;
  if (watch) await (await context(options)).watch();
  else await build(options);
}
if (wanted.length === 0 || wanted.includes('extension')) await writeSchema();

/** The schema of maintenance.yaml, from the definitions that the agent itself loads it by. */
async function writeSchema() {
  const [{ maintenanceJsonSchema }, { procedures }] = await Promise.all([
    import('./agent/config/jsonSchema.ts'),
    import('./agent/procedures/index.ts'),
  ]);
  mkdirSync('dist', { recursive: true });
  writeFileSync('dist/maintenance.schema.json', `${JSON.stringify(maintenanceJsonSchema(procedures))}\n`);
}
