/**
 * Loaded before a program (`node --import`): kills it, by SIGKILL, right before its change number `KILL_AT` of the file system, in the
 * order in which the program makes them. Without that number it says at its end how many there were.
 */
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

const killAt = Number(process.env['KILL_AT'] ?? 0);
let step = 0;

function count(): void {
  step += 1;
  if (step === killAt) process.kill(process.pid, 'SIGKILL');
}

for (const name of ['rename', 'unlink', 'link', 'rm', 'mkdir'] as const) {
  const original = fsPromises[name] as (...args: unknown[]) => Promise<unknown>;
  Object.assign(fsPromises, {
    [name]: (...args: unknown[]) => {
      count();
      return original(...args);
    },
  });
}
const { open } = fsPromises;
Object.assign(fsPromises, {
  open: async (...args: Parameters<typeof open>) => {
    count();
    const handle = await open(...args);
    for (const name of ['write', 'writeFile', 'sync', 'datasync', 'chmod'] as const) {
      const original = handle[name].bind(handle) as (...given: unknown[]) => Promise<void>;
      Object.assign(handle, {
        [name]: (...given: unknown[]) => {
          count();
          return original(...given);
        },
      });
    }
    return handle;
  },
});
syncBuiltinESMExports();
if (killAt === 0) {
  process.on('exit', () => {
    fs.writeSync(1, `steps ${step}\n`);
  });
}
