import assert from 'node:assert/strict';
import { spawn, spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A clone that consists of the bootstrap, a lock file and a script that says what it was given and ends with 7. */
class Clone {
  readonly folder = mkdtempSync(join(tmpdir(), 'upkeep-bootstrap-'));
  readonly npm = join(this.folder, 'npm.js');

  constructor(script = `console.log('args', ...process.argv.slice(2)); process.exitCode = 7;`) {
    mkdirSync(join(this.folder, 'test', 'sandbox'), { recursive: true });
    cpSync(join(import.meta.dirname, 'bootstrap.mjs'), join(this.folder, 'test', 'bootstrap.mjs'));
    writeFileSync(join(this.folder, 'package.json'), '{ "type": "module" }');
    writeFileSync(join(this.folder, 'package-lock.json'), '{}');
    writeFileSync(join(this.folder, 'test', 'sandbox', 'start.ts'), script);
    // Stands in for npm, as npm_execpath names it to scripts.
    writeFileSync(
      this.npm,
      `import { mkdirSync, writeFileSync } from 'node:fs';
       console.log('npm', ...process.argv.slice(2));
       mkdirSync('node_modules', { recursive: true });
       writeFileSync('node_modules/.package-lock.json', '{}');`,
    );
  }

  get environment(): NodeJS.ProcessEnv {
    return { ...process.env, npm_execpath: this.npm };
  }

  run(...args: string[]): SpawnSyncReturns<string> {
    const command = [join(this.folder, 'test', 'bootstrap.mjs'), ...args];
    return spawnSync(process.execPath, command, { encoding: 'utf8', env: this.environment });
  }

  /** As if the lock file had come by a pull an hour after the install. */
  changeLock(): void {
    const lock = join(this.folder, 'package-lock.json');
    writeFileSync(lock, '{ "changed": true }');
    const later = new Date(Date.now() + 3_600_000);
    utimesSync(lock, later, later);
  }
}

describe('bootstrap', () => {
  const clones: Clone[] = [];
  const clone = (script?: string): Clone => {
    const made = new Clone(script);
    clones.push(made);
    return made;
  };
  afterEach(() => {
    for (const made of clones.splice(0)) rmSync(made.folder, { recursive: true, force: true });
  });

  it('installs what is missing, then runs the script with its arguments and gives back its exit code', () => {
    const { status, stdout } = clone().run('start', '--once', 'a b');
    assert.match(stdout, /^npm ci --ignore-scripts/m);
    assert.match(stdout, /^args --once a b$/m);
    assert.equal(status, 7);
  });

  it('does not install again while the lock file stays the same', () => {
    const made = clone();
    made.run('start');
    assert.doesNotMatch(made.run('start').stdout, /^npm/m);
  });

  it('installs again when the lock file has changed', () => {
    const made = clone();
    made.run('start');
    made.changeLock();
    assert.match(made.run('start').stdout, /^npm ci/m);
  });

  it('respects what somebody has installed by hand', () => {
    const made = clone();
    mkdirSync(join(made.folder, 'node_modules'));
    writeFileSync(join(made.folder, 'node_modules', '.package-lock.json'), '{}');
    assert.doesNotMatch(made.run('start').stdout, /^npm/m);
  });

  it('prefers the Node that the dependencies brought', () => {
    const made = clone('console.log(process.argv0);');
    mkdirSync(join(made.folder, 'node_modules', '.bin'), { recursive: true });
    writeFileSync(join(made.folder, 'node_modules', '.package-lock.json'), '{}');
    const node = join(made.folder, 'node_modules', '.bin', 'node');
    symlinkSync(process.execPath, node);
    assert.equal(made.run('start').stdout.trim(), node);
  });

  it('says what it knows when the script is unknown, and installs nothing', () => {
    const made = clone();
    const { status, stderr } = made.run('strat');
    assert.equal(status, 1);
    assert.match(stderr, /Unknown script "strat": say start, test, bench or coverage/);
    assert.equal(existsSync(join(made.folder, 'node_modules')), false);
  });

  it('passes a signal on and waits until the script has ended by it', async () => {
    const made = clone(
      `process.on('SIGTERM', () => { clearInterval(timer); process.exitCode = 5; });
       const timer = setInterval(() => undefined, 1000);
       console.log('ready');`,
    );
    const command = [join(made.folder, 'test', 'bootstrap.mjs'), 'start'];
    const child = spawn(process.execPath, command, { env: made.environment, stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        if (output.includes('ready')) resolve();
      });
    });
    child.kill('SIGTERM');
    const [code] = (await once(child, 'exit')) as [number | null];
    assert.equal(code, 5);
  });
});
