// What runs before anything is installed: plain JavaScript for Node 18 and later, without dependencies.
// Usage: node test/bootstrap.mjs start|test|bench|coverage [arguments]
// Installs the dependencies when they are missing or out of date, then runs the wanted script with a Node that can.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { constants } from 'node:os';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const scripts = {
  start: 'test/sandbox/start.ts',
  test: 'test/run.ts',
  bench: 'test/bench/main.ts',
  coverage: 'test/coverage.ts',
};
const leastNode = [22, 13];
// Type stripping needs a flag in the oldest versions that we take.
const strippingNode = [22, 18];

const [name = '', ...rest] = process.argv.slice(2);
if (!Object.hasOwn(scripts, name)) fail(`Unknown script "${name}": say start, test, bench or coverage.`);
installWhenNeeded();
run(findNode(), scripts[name], rest);

function installWhenNeeded() {
  const lock = join(root, 'package-lock.json');
  const stamp = join(root, 'node_modules', '.upkeep-installed');
  const wanted = createHash('sha256')
    .update(readFileSync(lock))
    .update(process.platform)
    .update(process.arch)
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  // npm writes this file at the end of each install: a newer one says that somebody has installed by hand.
  const hidden = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(hidden) || statSync(hidden).mtimeMs < statSync(lock).mtimeMs) {
    console.log('Installing dependencies (npm ci) …');
    const npm = process.env.npm_execpath?.endsWith('.js') ? [process.execPath, process.env.npm_execpath] : ['npm'];
    const [program, ...first] = npm;
    const result = spawnSync(
      program,
      [...first, 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
      {
        cwd: root,
        stdio: 'inherit',
      },
    );
    if (result.error) fail(`npm cannot be run (${result.error.message}): install npm and put it on PATH.`);
    if (result.status !== 0) fail('npm ci failed: see its message above.');
  }
  writeFileSync(stamp, wanted);
}

function findNode() {
  const installed = join(root, 'node_modules', '.bin', 'node');
  if (existsSync(installed)) {
    const version = spawnSync(installed, ['--version'], { encoding: 'utf8' });
    if (version.status === 0) return { path: installed, version: parse(version.stdout) };
  }
  const current = parse(process.version);
  if (isBefore(current, leastNode)) {
    fail(
      `Node ${process.version} is too old and no newer one could be installed for ${process.platform}-${process.arch}: ` +
        `use Node ${leastNode.join('.')} or later.`,
    );
  }
  return { path: process.execPath, version: current };
}

function run(node, script, scriptArguments) {
  const flags = isBefore(node.version, strippingNode) ? ['--experimental-strip-types'] : [];
  const child = spawn(node.path, [...flags, '--disable-warning=ExperimentalWarning', script, ...scriptArguments], {
    cwd: root,
    stdio: 'inherit',
    // Ctrl-C reaches the terminal's process group: this process, which hands it on to the script alone. What the script has
    // started must not get it as well, but be stopped in order.
    detached: true,
    env: {
      ...process.env,
      PATH: `${join(root, 'node_modules', '.bin')}${delimiter}${process.env.PATH ?? ''}`,
      ...(flags.length > 0 && { NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} ${flags.join(' ')}` }),
    },
  });
  // The script stops what it has started and then ends; this process only waits for that.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => fail(`${node.path} cannot be run: ${error.message}`));
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal];
  });
}

function parse(version) {
  return version.trim().replace(/^v/, '').split('.').map(Number);
}

function isBefore(version, limit) {
  return version[0] !== limit[0] ? version[0] < limit[0] : version[1] < limit[1];
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
