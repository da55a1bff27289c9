import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { untilThere } from '../../run/harness.ts';

/** Has a thread, which does what is given, and ends it at the first line; says so, and exits as every program does. */
const program = `
const { once } = await import('node:events');
const { Worker } = await import('node:worker_threads');
const { endThread } = await import(process.argv[1]);
const worker = new Worker(process.argv[2], { eval: true });
await once(process.stdin, 'data');
await endThread(worker);
console.log('ended');
process.exit(0);`;
const module = join(import.meta.dirname, '../../../agent/procedures/logs/endThread.ts');

describe('the end of a thread', function () {
  this.timeout(60_000);
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'upkeep-thread-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  /** `work` runs in the thread once `file` is there. Resolves with how the program ended, and what it said. */
  async function endOf(work: string, file: string): Promise<readonly unknown[]> {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program, module, work], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    const closed = once(child, 'close');
    await untilThere(file);
    child.stdin.write('end\n');
    const [code, signal] = (await closed) as [number | null, string | null];
    return [code, signal, said];
  }

  it('is an end in good order where it comes', async () => {
    const file = join(folder, 'there');
    const work = `process.getBuiltinModule('node:fs').writeFileSync(${JSON.stringify(file)}, ''); for (;;);`;
    assert.deepEqual(await endOf(work, file), [0, null, 'ended\n']);
  });

  it('F08: that never comes does not hold the program at its exit', async () => {
    const file = join(folder, 'pid');
    // A call of the kernel that no word to the thread ends.
    const script = `echo $$ > ${file}.new; mv ${file}.new ${file}; exec sleep 600`;
    const work = `process.getBuiltinModule('node:child_process').spawnSync('sh', ['-c', ${JSON.stringify(script)}], { stdio: 'ignore' });`;
    try {
      assert.deepEqual(await endOf(work, file), [null, 'SIGKILL', 'ended\n']);
    } finally {
      process.kill(Number(readFileSync(file, 'utf8')), 'SIGKILL');
    }
  });
});
