/**
 * Branch coverage of the parts that must not fail, by their own unit tests: `npm run coverage`. V8 counts (c8), also in child processes of the
 * tests, but not in one that is killed. Prints a table by file and by folder, leaves a page for each file in `.sandbox/artefacts/coverage`, and
 * fails when a test fails or a folder is below its share.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import * as z from 'zod';

/** Of the branches of each folder, in percent (RELIABILITY: scheduler, runner, store, protocol). */
const leastPercent = 95;
const parts = ['schedule', 'run', 'store', 'protocol'];

const count = z.object({ total: z.int(), covered: z.int() });
const summary = z.record(z.string(), z.object({ branches: count, functions: count }));

const root = join(import.meta.dirname, '..');
const reports = join(root, '.sandbox', 'artefacts', 'coverage');
const bin = (name: string): string => join(root, 'node_modules', '.bin', name);

process.exitCode = await main();

async function main(): Promise<number> {
  const code = await runTests();
  if (code === null) return 1;
  const testsFailed = code !== 0;
  const files = summary.parse(JSON.parse(readFileSync(join(reports, 'coverage-summary.json'), 'utf8')));
  console.log(`\nBranches taken (a function that is never called is one not taken), at least ${leastPercent} % each:`);
  let short = false;
  for (const part of parts) {
    const { taken, all } = branchesOf(join('agent', part), files);
    const percent = all === 0 ? 0 : (100 * taken) / all;
    short ||= percent < leastPercent;
    const mark = percent < leastPercent ? '✗' : '✓';
    console.log(`${mark} agent/${part.padEnd(10)} ${percent.toFixed(2).padStart(6)} %  ${taken} of ${all}`);
  }
  if (testsFailed) console.log('Tests failed: see above.');
  console.log(`Line by line: ${relative(process.cwd(), join(reports, 'index.html'))}`);
  return testsFailed || short ? 1 : 0;
}

/** Resolves with the exit code of mocha, which c8 hands on; null when a signal has ended it. */
async function runTests(): Promise<number | null> {
  rmSync(reports, { recursive: true, force: true });
  const counts = mkdtempSync(join(tmpdir(), 'upkeep-coverage-'));
  const kinds = ['text', 'html', 'json-summary'].flatMap((name) => ['--reporter', name]);
  const included = parts.flatMap((part) => ['--include', `agent/${part}/**/*.ts`]);
  try {
    const child = spawn(
      process.execPath,
      [
        ...[bin('c8'), '--all', '--extension', '.ts', ...included, ...kinds],
        ...['--reports-dir', reports, '--temp-directory', counts],
        ...[process.execPath, bin('mocha'), '--reporter', 'dot', '--parallel', '--jobs', '2'],
        ...parts.map((part) => `test/${part}/**/*.test.ts`),
      ],
      // A group of its own, so that a signal that ends this process ends all of it.
      { cwd: root, stdio: 'inherit', detached: true, env: { ...process.env, NODE_DISABLE_COMPILE_CACHE: '1' } },
    );
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (child.pid !== undefined) process.kill(-child.pid, signal);
      });
    }
    const [code] = z.tuple([z.int().nullable(), z.string().nullable()]).parse(await once(child, 'exit'));
    return code;
  } finally {
    rmSync(counts, { recursive: true, force: true });
  }
}

/** V8 says nothing about what is inside a function that was never called, so that function counts as one branch. */
function branchesOf(folder: string, files: z.infer<typeof summary>): { readonly taken: number; readonly all: number } {
  let [taken, all] = [0, 0];
  for (const [file, { branches, functions }] of Object.entries(files)) {
    if (dirname(relative(root, file)) !== folder) continue;
    taken += branches.covered;
    all += branches.total + functions.total - functions.covered;
  }
  return { taken, all };
}
