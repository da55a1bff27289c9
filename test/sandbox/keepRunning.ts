import { startEditor, type Editor } from './editor.ts';
import { sandbox as paths } from './paths.ts';
import type { Sandbox } from './sandbox.ts';
import { startTraffic } from './traffic.ts';

/** Lets the shop work and serves VS Code until `stopped`; 1 when the agent ended by itself. */
export async function keepRunning(sandbox: Sandbox, withEditor: boolean, stopped: AbortSignal): Promise<number> {
  const traffic = startTraffic(sandbox.databaseUrl);
  let editor: Editor | null = null;
  try {
    if (withEditor) {
      console.log('\nPreparing VS Code …');
      editor = await startEditor(sandbox.children, sandbox.ports.editor, sandbox.environment);
    }
    console.log('\n━━ Running (Ctrl-C stops everything)');
    if (editor !== null) console.log(`VS Code:  ${editor.address}`);
    console.log(`Agent:    ${paths.socket}`);
    console.log(`Metrics:  http://127.0.0.1:${sandbox.ports.agent}/metrics`);
    console.log(`Config:   ${paths.configuration}`);
    const why = await Promise.race([sandbox.agent.ended, untilAborted(stopped)]);
    if (why === 'stopped') return 0;
    console.error(`The agent ended by itself with code ${why}.`);
    return 1;
  } finally {
    await editor?.stop();
    await traffic.stop();
  }
}

function untilAborted(signal: AbortSignal): Promise<'stopped'> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve('stopped');
    else
      signal.addEventListener('abort', () => {
        resolve('stopped');
      });
  });
}
