/** What is installed, what is bundled and what ships. Source: package-lock.json of npm (lockfileVersion 3), `vsce ls`. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as z from 'zod';
import { withFolder } from './config/harness.ts';
import { sourcesWith } from './sources.ts';

const root = join(import.meta.dirname, '..');
const lock = z
  .object({
    lockfileVersion: z.int(),
    packages: z.record(
      z.string(),
      z.object({
        version: z.string().optional(),
        resolved: z.string().optional(),
        integrity: z.string().optional(),
        link: z.boolean().optional(),
        hasInstallScript: z.boolean().optional(),
        dependencies: z.record(z.string(), z.string()).optional(),
        devDependencies: z.record(z.string(), z.string()).optional(),
        optionalDependencies: z.record(z.string(), z.string()).optional(),
      }),
    ),
  })
  .parse(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')));
const installed = Object.entries(lock.packages).filter(([path]) => path !== '');
const manifest = z
  .object({
    scripts: z.record(z.string(), z.string()),
    dependencies: z.record(z.string(), z.string()),
    devDependencies: z.record(z.string(), z.string()),
    optionalDependencies: z.record(z.string(), z.string()),
  })
  .parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')));

/** Oldest versions that we take, where `npm audit` can not be asked: ws by GHSA-96hv-2xvq-fx4p and CVE-2026-62389, the others by the range of package.json. */
const floors: Readonly<Record<string, string>> = { ws: '8.21.1', 'node-forge': '1.4.3', nodemailer: '10.6.0' };

describe('supply chain', () => {
  it('V33: the lock file pins every package by the hash of its archive, and agrees with package.json', () => {
    assert.equal(lock.lockfileVersion, 3);
    for (const [path, { integrity, resolved, link }] of installed) {
      assert.match(integrity ?? '', /^sha512-[A-Za-z0-9+/]{86}==$/, path);
      if (resolved !== undefined) assert.match(resolved, /^https:\/\//, path);
      assert.notEqual(link, true, path);
    }
    const { dependencies, devDependencies, optionalDependencies } = lock.packages[''] ?? {};
    assert.deepEqual(
      [dependencies, devDependencies, optionalDependencies],
      [manifest.dependencies, manifest.devDependencies, manifest.optionalDependencies],
    );
  });

  it('V33: an install without scripts is enough, and none of ours runs at one', async () => {
    for (const hook of ['preinstall', 'install', 'postinstall', 'prepare', 'prepublish', 'prepublishOnly'])
      assert.equal(manifest.scripts[hook], undefined, hook);
    assert.match(readFileSync(join(root, 'test', 'bootstrap.mjs'), 'utf8'), /'ci', '--ignore-scripts'/);
    // Packages that would run scripts work without them: those that ship are none of them.
    const scripted = new Set(installed.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path));
    for (const name of Object.keys(manifest.dependencies))
      assert.equal(scripted.has(`node_modules/${name}`), false, name);
    const { stdout } = await promisify(execFile)(process.execPath, ['node_modules/.bin/esbuild', '--version'], {
      cwd: root,
    }).catch(() => promisify(execFile)(join(root, 'node_modules', '.bin', 'esbuild'), ['--version']));
    assert.match(stdout, /^\d+\.\d+\.\d+/);
  });

  if (process.env['UPKEEP_FULL'] === '1') {
    it('V33: a fresh install without scripts builds the agent, which runs', async function () {
      this.timeout(600_000);
      await withFolder(async (folder) => {
        for (const name of ['package.json', 'package-lock.json', 'esbuild.mjs', 'tsconfig.json', 'agent', 'media'])
          cpSync(join(root, name), join(folder, name), { recursive: true });
        const run = (program: string, ...args: string[]): Promise<{ stdout: string }> =>
          promisify(execFile)(program, args, { cwd: folder, maxBuffer: 1 << 24 });
        await run('npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund');
        await run(process.execPath, 'esbuild.mjs', 'agent');
        const { stdout } = await run(process.execPath, join('dist', 'agent.mjs'), '--version');
        assert.match(stdout, /^\d+\.\d+\.\d+/);
      });
    });
  }

  it('V33: no package is older than its last known high advisory allows', () => {
    for (const [name, floor] of Object.entries(floors)) {
      const versions = installed
        .filter(([path]) => path.endsWith(`node_modules/${name}`))
        .map(([, { version }]) => version);
      assert.ok(versions.length > 0, name);
      for (const version of versions) assert.ok(isAtLeast(version ?? '', floor), `${name} ${version ?? ''} < ${floor}`);
    }
  });

  it('V33: no source fetches code, makes code of text, or turns certificate checks off', () => {
    const using = (pattern: RegExp): readonly string[] => sourcesWith(['agent', 'extension', 'webview'], pattern);
    assert.deepEqual(using(/\beval\(|new Function\(|node:vm|runInThisContext|runInNewContext/), []);
    assert.deepEqual(using(/import\(\s*(?!['"])|import\(['"](?:https?:|data:)|from\s+['"]https?:|importScripts\(/), []);
    assert.deepEqual(using(/<script[^>]+src=["']?https?:|NODE_TLS_REJECT_UNAUTHORIZED/), []);
    assert.deepEqual(using(/\bnpm (?:install|i|ci)\b(?!.*--ignore-scripts)|\bnpx -y\b|curl [^|]*\| *(?:ba)?sh/), []);
  });

  it('V33: the extension ships its bundles and documents: no source, test, key, token or map', async function () {
    this.timeout(60_000);
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['node_modules/@vscode/vsce/vsce', 'ls', '--no-dependencies'],
      { cwd: root },
    );
    const files = stdout.split('\n').filter((line) => line !== '');
    assert.ok(files.includes('package.json') && files.includes('LICENSE'), stdout);
    const allowed =
      /^(?:package(?:\.nls(?:\.\w+)?)?\.json|README\.md|CHANGELOG\.md|LICENSE|dist\/(?:agent\/[\w-]+\.m?js|agent\.mjs|maintenance\.schema\.json|extension\.js|[\w.]+\.LEGAL\.txt|agent\/[\w.-]+\.txt|webview\/[\w./-]+\.(?:js|css|ttf|txt))|media\/[\w./-]+\.(?:svg|png|md|yaml))$/;
    assert.deepEqual(
      files.filter((file) => !allowed.test(file)),
      [],
    );
    for (const file of files.filter((name) => !/\.(?:png|ttf)$/.test(name))) {
      const text = readFileSync(join(root, file), 'utf8');
      assert.doesNotMatch(text, /upkeep_[0-9a-f]{8}_[\w-]{43}/, file);
      assert.doesNotMatch(text, /-----BEGIN (?:RSA |EC |ENCRYPTED )?PRIVATE KEY-----\n[A-Za-z0-9+/]{40}/, file);
    }
  });
});

function isAtLeast(version: string, floor: string): boolean {
  const [one, other] = [version, floor].map((text) => text.split('.').map(Number));
  for (const index of [0, 1, 2]) {
    const difference = (one?.[index] ?? 0) - (other?.[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
