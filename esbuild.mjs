// Builds dist/: agent.mjs with agent/ (plain Node), extension.js and maintenance.schema.json (extension host), webview/ (browser). Usage: node esbuild.mjs [--watch] [agent|extension|webview …]
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { build, context } from 'esbuild';

const watch = process.argv.includes('--watch');
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));

// CommonJS dependencies inside an ES module bundle still call require().
const requireBanner =
  "const require = globalThis.process.getBuiltinModule('node:module').createRequire(import.meta.url);";
/**
 * Node's own modules are taken as objects: an ES import reads every property of them, also those that load more, as
 * http.WebSocket does with undici (13 MB, a fifth of the start).
 */
const builtins = {
  name: 'builtins',
  setup({ onLoad, onResolve }) {
    const statement = /^import\b(?!\s*type\b)([^'"();]+?)\bfrom\s*['"](?:node:)?([a-z_]+(?:\/[a-z_]+)*)['"];?/gm;
    onLoad({ filter: /\.(ts|m?js)$/ }, ({ path }) => {
      const source = readFileSync(path, 'utf8');
      const contents = source.replace(statement, (whole, names, name) =>
        isBuiltin(`node:${name}`) ? `${asConstants(names, name)};${whole.replace(/[^\n]/g, '')}` : whole,
      );
      return contents === source ? undefined : { contents, loader: path.endsWith('.ts') ? 'ts' : 'js' };
    });
    // ws wants these for clients and compression alone.
    onResolve({ filter: /^(https|tls|zlib)$/ }, ({ path, kind }) =>
      kind === 'require-call' ? { path, namespace: 'lazy' } : undefined,
    );
    onLoad({ filter: /./, namespace: 'lazy' }, ({ path }) => ({
      contents: `module.exports = new Proxy({}, { get: (_, key) => process.getBuiltinModule('${path}')[key] })`,
    }));
  },
};

/** `a, { b, type C, d as e }` or `* as f` of an import as declarations. */
function asConstants(names, name) {
  const builtin = `globalThis.process.getBuiltinModule('node:${name}')`;
  const [, all, listed] = /^(?:\*\s*as\s+)?([\w$]+)?\s*,?\s*(?:\{([^}]*)\})?$/.exec(names.trim());
  const values = (listed ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '' && !one.startsWith('type '))
    .map((one) => one.replace(/\s+as\s+/, ': '));
  const constants = [...(all === undefined ? [] : [all]), ...(values.length === 0 ? [] : [`{ ${values.join(', ')} }`])];
  return constants.length === 0 ? '' : `const ${constants.map((one) => `${one} = ${builtin}`).join(', ')}`;
}

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
    entryPoints: [
      { in: 'agent/main.ts', out: 'agent' },
      // A thread's own program, beside the piece that starts it.
      { in: 'agent/procedures/logs/packThread.ts', out: 'agent/packThread' },
    ],
    outdir: 'dist',
    outExtension: { '.js': '.mjs' },
    splitting: true,
    chunkNames: 'agent/[name]-[hash]',
    plugins: [builtins],
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
