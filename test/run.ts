// Runs the steps of `npm test`, all of them whatever fails, and sums up.
// Usage: node test/run.ts [step …] [--full] (default: all but the optional ones; --full: long tests at their full length)
// The last line is `N passed, M failed`: tests, and a failed step that counts no tests as one failure.
import { spawn, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { killLeft, processesOf } from './leftovers.ts';
import { missingCases, needMount, sumCases, tableOf, titlesOf, type CaseGroup } from './reliability.ts';
import type { TestCounts } from './reporter.ts';
import { canMount } from './store/smallDisk.ts';
import { ensureSystemPackages } from './systemPackages.ts';

/** What is done, and what came of it. */
interface Step {
  readonly name: string;
  /** Arguments of node. */
  readonly node: readonly string[];
  /** Its time limit. */
  readonly minutes: number;
  /** With `--full`. */
  readonly fullMinutes?: number;
  /** Whether it leaves counts of tests. */
  readonly tests?: true;
  /** Only when it is asked for. */
  readonly optional?: true;
  /** A file without which there is nothing to do. */
  readonly needs?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly cases?: CaseGroup;
}

interface Result {
  readonly step: Step;
  readonly seconds: number;
  readonly problems: readonly string[];
  readonly counts: TestCounts;
}

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const artefacts = join(root, '.sandbox', 'artefacts');
const bin = (name: string): string => join('node_modules', '.bin', name);
const mocha = (...more: readonly string[]): readonly string[] => [
  bin('mocha'),
  '--reporter',
  './test/reporter.ts',
  ...more,
];
const ignore = (...globs: readonly string[]): readonly string[] => globs.flatMap((glob) => ['--ignore', glob]);
const notUnit = ignore('test/integration/**', 'test/vscode/**', 'test/bench/**');
// What ships is tested: the bundle of the step before.
const bundle = { UPKEEP_AGENT: join(root, 'dist', 'agent.mjs') };

/** The tests of one group of cases alone, from the whole tree but VS Code. */
const casesStep = (group: CaseGroup): Step => ({
  name: group,
  node: mocha(
    '--timeout',
    '60000',
    '--grep',
    titlesOf[group],
    ...ignore('test/vscode/**', 'test/bench/**'),
    'test/**/*.test.ts',
  ),
  minutes: 12,
  fullMinutes: 120,
  tests: true,
  optional: true,
  environment: bundle,
  cases: group,
});

const steps: readonly Step[] = [
  { name: 'format', node: [bin('prettier'), '--check', '--log-level', 'warn', '.'], minutes: 2 },
  { name: 'lint', node: [bin('eslint'), '.'], minutes: 4 },
  { name: 'typecheck', node: [bin('tsc'), '-p', '.'], minutes: 3 },
  { name: 'typecheck-webview', node: [bin('tsc'), '-p', 'webview'], minutes: 3, needs: 'webview/tsconfig.json' },
  { name: 'build', node: ['esbuild.mjs'], minutes: 2 },
  {
    name: 'unit',
    node: mocha('--parallel', '--jobs', '2', ...notUnit, 'test/**/*.test.ts'),
    minutes: 8,
    tests: true,
  },
  {
    name: 'integration',
    node: mocha('--timeout', '60000', 'test/integration/**/*.test.ts'),
    minutes: 12,
    tests: true,
    environment: bundle,
  },
  { name: 'vscode', node: ['test/vscode/extensionHost.ts'], minutes: 6, tests: true },
  {
    name: 'journey',
    node: mocha('--timeout', '180000', 'test/vscode/*.test.ts'),
    minutes: 8,
    tests: true,
  },
  { name: 'electron', node: ['test/vscode/electron.ts'], minutes: 15, tests: true, optional: true },
  casesStep('attacks'),
  casesStep('faults'),
];

const full = process.argv.includes('--full');
const wanted = process.argv.slice(2).filter((argument) => argument !== '--full');
const unknown = wanted.filter((name) => !steps.some((step) => step.name === name));
if (unknown.length > 0) {
  console.error(`Unknown step "${unknown.join(' ')}": say any of ${steps.map((step) => step.name).join(', ')}.`);
  process.exit(2);
}
const chosen = steps.filter(
  (step) =>
    (wanted.length > 0 ? wanted.includes(step.name) : step.optional !== true) &&
    (step.needs === undefined || existsSync(join(root, step.needs))),
);

process.chdir(root);
mkdirSync(artefacts, { recursive: true });
if (chosen.some((step) => step.tests === true && step.name !== 'electron')) requirePackages();

const stop = new AbortController();
let current: ChildProcess | null = null;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    stop.abort();
    if (current !== null) endGroup(current);
  });
}

const results: Result[] = [];
for (const step of chosen) {
  if (stop.signal.aborted) break;
  console.log(`\n━━ ${step.name}`);
  const result = await runStep(step);
  for (const problem of result.problems) console.log(`   ✗ ${problem}`);
  results.push(result);
}
summarise();

function requirePackages(): void {
  const missing = ensureSystemPackages([
    'acl',
    'apache',
    'bzip2',
    'certbot',
    'chromium',
    'faketime',
    'fonts',
    'haproxy',
    'journal',
    'logrotate',
    'lz4',
    'nginx',
    'openssl',
    'pebble',
    'postgresql',
    'redis',
    'repack',
    'strace',
    'xz',
    'zstd',
  ]);
  if (missing.length === 0) return;
  console.error('Missing on this machine (as root, apt-get would have installed them):');
  for (const line of missing) console.error(`  ${line}`);
  console.log('0 passed, 1 failed');
  process.exit(1);
}

async function runStep(step: Step): Promise<Result> {
  const started = performance.now();
  const countsFile = join(artefacts, `${step.name}.json`);
  rmSync(countsFile, { force: true });
  // Its own folder for temporary files, open to other users as /tmp is, shows what a step leaves behind.
  const temporary = mkdtempSync(join(tmpdir(), 'upkeep-test-'));
  chmodSync(temporary, 0o1777);
  const code = await runNode(step, { UPKEEP_TEST_COUNTS: countsFile, TMPDIR: temporary });
  const problems: string[] = [];
  if (code !== 0) problems.push(typeof code === 'number' ? `exit code ${code}` : code);
  const left = await killLeft(() => processesOf(temporary));
  for (const { pid, command } of left) problems.push(`left a process behind: ${pid} ${command}`);
  for (const name of readdirSync(temporary)) {
    if (!isSocketFolder(temporary, name) && !isOfVsCode(name)) problems.push(`left a temporary file behind: ${name}`);
  }
  rmSync(temporary, { recursive: true, force: true, maxRetries: 3 });
  let counts: TestCounts = { passed: 0, failed: 0, failures: [], cases: {} };
  if (step.tests === true) {
    if (existsSync(countsFile)) counts = JSON.parse(readFileSync(countsFile, 'utf8')) as TestCounts;
    else problems.push('ended without counting its tests');
    if (counts.passed + counts.failed === 0 && problems.length === 0) problems.push('ran no test');
  }
  if (problems.length > 0 && counts.failed === 0) counts = { ...counts, failed: 1 };
  return { step, seconds: (performance.now() - started) / 1000, problems, counts };
}

/** The TypeScript extension that VS Code ships makes a folder for its user once it wakes up, and never removes it. */
function isOfVsCode(name: string): boolean {
  return name === `vscode-typescript${process.getuid?.() ?? ''}`;
}

/** The folder of the local agents' sockets is the user's, and stays; empty it is no leftover. */
function isSocketFolder(folder: string, name: string): boolean {
  return name === `upkeep-${process.getuid?.() ?? ''}` && readdirSync(join(folder, name)).length === 0;
}

/** Runs node with these arguments in a process group of its own; returns the exit code, or why there is none. */
function runNode(step: Step, environment: Readonly<Record<string, string>>): Promise<number | string> {
  return new Promise((resolve) => {
    const log = createWriteStream(join(artefacts, `${step.name}.log`));
    const child = spawn(process.execPath, step.node, {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      // Compilers would keep their caches among the temporary files.
      env: {
        ...process.env,
        NODE_DISABLE_COMPILE_CACHE: '1',
        ...step.environment,
        ...environment,
        ...(full && { UPKEEP_FULL: '1' }),
        ...(process.stdout.isTTY && { FORCE_COLOR: '1' }),
      },
    });
    current = child;
    let timedOut = false;
    const minutes = full ? (step.fullMinutes ?? step.minutes) : step.minutes;
    const timer = setTimeout(() => {
      timedOut = true;
      endGroup(child);
    }, minutes * 60_000);
    for (const [from, to] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ] as const) {
      from.on('data', (chunk: Buffer) => {
        to.write(chunk);
        log.write(chunk);
      });
    }
    // Not `close`: a process left behind may hold the pipe.
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      current = null;
      setTimeout(() => {
        log.end();
        resolve(timedOut ? `stopped after ${minutes} minutes` : (code ?? `ended by ${signal}`));
      }, 200);
    });
  });
}

function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  const send = (signal: NodeJS.Signals): void => {
    try {
      process.kill(-pid, signal);
    } catch {
      // The group is gone.
    }
  };
  send('SIGTERM');
  setTimeout(() => {
    send('SIGKILL');
  }, 10_000).unref();
}

function summarise(): void {
  const sum = { passed: 0, failed: stop.signal.aborted ? 1 : 0 };
  console.log('\n━━ summary');
  for (const { step, seconds, problems, counts } of results) {
    sum.passed += counts.passed;
    sum.failed += counts.failed;
    const tests = step.tests === true ? `  ${counts.passed} passed, ${counts.failed} failed` : '';
    const mark = problems.length === 0 ? '✓' : '✗';
    console.log(`${mark} ${step.name.padEnd(18)} ${seconds.toFixed(1).padStart(6)} s${tests}`);
    for (const line of [...problems, ...counts.failures]) console.log(`    ${line}`);
  }
  sum.failed += summariseCases();
  if (stop.signal.aborted) console.log('Stopped before the end.');
  console.log(`${sum.passed} passed, ${sum.failed} failed`);
  process.exitCode = sum.failed > 0 ? 1 : 0;
}

/** The table of attacks and faults, after a whole run or one of theirs. Returns how many cases are owed and not covered. */
function summariseCases(): number {
  const groups =
    wanted.length === 0 ? (Object.keys(titlesOf) as CaseGroup[]) : chosen.flatMap(({ cases }) => cases ?? []);
  if (groups.length === 0) return 0;
  const cases = sumCases(results.map(({ counts }) => counts.cases));
  const excused = canMount ? undefined : needMount;
  console.log('\n━━ attacks and faults');
  for (const line of tableOf(groups, cases, excused)) console.log(line);
  let failed = 0;
  for (const group of groups) {
    const missing = missingCases([group], cases, excused);
    for (const line of missing) console.log(`   ✗ ${line}`);
    failed += missing.length;
  }
  return failed;
}
