/**
 * A program: deploys by the settings in the file `argv[2]`, and is cut at its `argv[4]`th change of the disk (0 = never).
 * `argv[3]`: `kill` = kill -9 before that change; `full` = from there on the disk is full. Prints outcome and changes as JSON.
 */
import { readFileSync } from 'node:fs';
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

const [, , file = '', how, at] = process.argv;
const cut = Number(at);
const changes: string[] = [];

/** Takes no space: a full disk does not keep it from being done. */
const free = new Set(['rename', 'unlink', 'rm', 'chmod']);

function before(name: string, what: string): void {
  changes.push(`${name} ${what}`);
  if (cut === 0 || changes.length < cut) return;
  if (how === 'kill') process.kill(process.pid, 'SIGKILL');
  if (!free.has(name)) throw Object.assign(new Error(`ENOSPC: no space left on device, ${name}`), { code: 'ENOSPC' });
}

function intercept(owner: object, name: string, counts: (given: readonly unknown[]) => boolean): void {
  const original: unknown = Reflect.get(owner, name);
  if (typeof original !== 'function') throw new Error(`no ${name}`);
  Reflect.set(owner, name, function (this: unknown, ...given: unknown[]): Promise<unknown> {
    return Promise.resolve().then(() => {
      if (counts(given)) before(name, typeof given[0] === 'string' ? (given[0].split('/').at(-1) ?? '') : '');
      return Reflect.apply(original, this, given) as unknown;
    });
  });
}

const probe = await fs.open('/dev/null');
intercept(Object.getPrototypeOf(probe) as object, 'writeFile', () => true);
await probe.close();
intercept(fs, 'open', ([, flags]) => flags === 'wx');
for (const name of ['mkdir', 'mkdtemp', 'rename', 'link', 'symlink', 'unlink', 'rm']) intercept(fs, name, () => true);
syncBuiltinESMExports();

// Only now, so that they find what was put in place.
const { perform } = await import('./harness.ts');
const { deployCertificate } = await import('../../../agent/procedures/certificates/deployCertificate.ts');
const settings = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
const { outcome, findings } = await perform(deployCertificate, {}, settings, { env: { PATH: process.env['PATH'] } });
process.stdout.write(JSON.stringify({ outcome, changes, messages: findings.map(({ message }) => message) }));
