/** `upkeep scripts install`: the seed's script names as files, for cron jobs and people that call them so. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { makeFolders } from '../makeFolders.ts';
import type { AnyProcedure } from '../procedures/define.ts';
import { writeFileAtomic } from '../store/atomicWrite.ts';
import { codeOf } from '../thrown.ts';
import { UsageError } from './errors.ts';
import type { Io } from './io.ts';

const mark = '# Made by "upkeep scripts install"';

export function registerScripts(program: Command, io: Io, procedures: ReadonlyMap<string, AnyProcedure>): void {
  program
    .command('scripts')
    .summary('the procedures as scripts')
    .command('install <dir>')
    .summary('write one script per procedure, such as check-certificates.sh')
    .description('Writes one small script per procedure. A file of that name that is not ours is left alone and said.')
    .action(async (dir: string) => {
      await makeFolders(resolve(dir), 0o777);
      const foreign: string[] = [];
      for (const name of procedures.keys()) {
        const file = join(resolve(dir), `${name}.sh`);
        if (await install(file, name)) io.stdout.write(`${file}\n`);
        else foreign.push(file);
      }
      if (foreign.length > 0) throw new UsageError(`Not ours, left as they are: ${foreign.join(', ')}.`);
    });
}

/** False when a file that we did not make is there. */
async function install(file: string, procedure: string): Promise<boolean> {
  const text = `#!/bin/sh\n${mark}\nexec upkeep ${procedure} "$@"\n`;
  try {
    writeFileSync(file, text, { flag: 'wx', mode: 0o755 });
    return true;
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
  if (!readFileSync(file, 'utf8').includes(mark)) return false;
  await writeFileAtomic(file, text, 0o755);
  return true;
}
