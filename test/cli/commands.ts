/** Many commands of the command line in one process of their own, for tests. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import * as z from 'zod';

export interface GivenCommand {
  readonly argv: readonly string[];
  /** Handed over as an agent does, in the environment. */
  readonly options?: Readonly<Record<string, unknown>>;
}

const ended = z.object({
  code: z.int(),
  /** Standard output and error in their order. */
  text: z.string(),
  /** What the programs that it called have written into the file of calls. */
  calls: z.string(),
  /** Of the processor, not of the clock: other tests may keep the machine busy. */
  cpuSeconds: z.number(),
});
export type EndedCommand = z.infer<typeof ended>;

/** Runs them one after the other; `folder` takes the file of calls, `env` is all of their environment. */
export async function runCommands(
  commands: readonly GivenCommand[],
  given: { readonly folder: string; readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): Promise<readonly EndedCommand[]> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'commandRunner.ts'), join(given.folder, 'calls')], {
    cwd: given.cwd,
    env: given.env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stdin.end(JSON.stringify(commands));
  const [code] = (await once(child, 'close')) as [number | null];
  const all = out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => ended.parse(JSON.parse(line)));
  if (code !== 0 || all.length !== commands.length)
    throw new Error(`ended with ${String(code)} after ${all.length} of ${commands.length} commands`);
  return all;
}
