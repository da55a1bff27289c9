/**
 * `npm start`: builds, starts the sandbox, runs the main job visibly, then serves VS Code until Ctrl-C.
 * `--once` ends after the main job; `--no-editor` keeps the agent alone.
 */
import { parseArgs } from 'node:util';
import { messageOf } from '../../agent/thrown.ts';
import { runMainJob } from './mainJob.ts';
import { keepRunning } from './keepRunning.ts';
import { startSandbox } from './sandbox.ts';

process.exitCode = await main();

async function main(): Promise<number> {
  const options = readOptions();
  if (options === null) return 2;
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      stopped.abort(signal);
    });
  }
  const sandbox = await startSandbox(stopped.signal).catch(explain);
  if (sandbox === null) return 1;
  let code = 1;
  try {
    code = await runMainJob(sandbox, stopped.signal);
    if (!options.once && !stopped.signal.aborted) code = await keepRunning(sandbox, options.editor, stopped.signal);
  } catch (error) {
    explain(error);
    code = 1;
  }
  const left = await sandbox.stop();
  for (const { pid, command } of left) console.error(`Left behind and killed: process ${pid} ${command}`);
  if (stopped.signal.aborted) console.log('Stopped.');
  return left.length > 0 ? 1 : code;
}

function readOptions(): { readonly once: boolean; readonly editor: boolean } | null {
  try {
    const { values } = parseArgs({ options: { once: { type: 'boolean' }, 'no-editor': { type: 'boolean' } } });
    return { once: values.once ?? false, editor: values['no-editor'] !== true };
  } catch (error) {
    explain(error);
    console.error('Usage: npm start [-- --once | --no-editor]');
    return null;
  }
}

function explain(error: unknown): null {
  console.error(messageOf(error));
  return null;
}
