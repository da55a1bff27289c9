/**
 * `npm run bench`: measures Upkeep and its floors in one run. Usage: npm run bench -- [section …] [--full] [--peers] (default: all).
 * Prints a table for test/bench/README.md. Absolute times mean nothing on another machine; ratios do.
 */
import { spawnSync } from 'node:child_process';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { certificates } from './certificates.ts';
import { cron } from './cron.ts';
import { database } from './database.ts';
import { heading, reached, rowOf, type Figure } from './figure.ts';
import { idle } from './idle.ts';
import { launch } from './launch.ts';
import { logs } from './logs.ts';
import { output } from './output.ts';
import { rotation } from './rotation.ts';
import { store } from './store.ts';

const sections: Readonly<Record<string, () => Promise<readonly Figure[]>>> = {
  idle,
  launch,
  output,
  cron,
  store,
  rotation,
  database,
  logs,
  certificates,
};

const asked = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const unknown = asked.filter((name) => !Object.hasOwn(sections, name));
if (unknown.length > 0) {
  console.error(`Unknown section "${unknown.join(' ')}": say any of ${Object.keys(sections).join(', ')}.`);
  process.exit(2);
}
build();
console.log(
  `${new Date().toISOString().slice(0, 10)}, ${cpus().length} × ${cpus()[0]?.model.trim() ?? '?'}, ` +
    `${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}, load ${(loadavg()[0] ?? 0).toFixed(1)}`,
);
let missed = 0;
for (const name of asked.length > 0 ? asked : Object.keys(sections)) {
  const figures = (await sections[name]?.()) ?? [];
  console.log(`\n### ${name}\n\n${[...heading, ...figures.map(rowOf)].join('\n')}`);
  missed += figures.filter((figure) => reached(figure) === false).length;
}
console.log(`\n${missed === 0 ? 'All goals were reached.' : `${missed} goals were not reached.`}`);

/** What ships is measured. */
function build(): void {
  const root = join(import.meta.dirname, '..', '..');
  const { status } = spawnSync(process.execPath, ['esbuild.mjs', 'agent'], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}
