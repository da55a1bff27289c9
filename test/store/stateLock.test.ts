import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lockHolder, lockState } from '../../agent/store/stateLock.ts';

const program = `
import { lockState } from ${JSON.stringify(join(import.meta.dirname, '..', '..', 'agent', 'store', 'stateLock.ts'))};
try { lockState(process.argv[1]); console.log('mine'); process.stdin.resume(); process.stdin.on('end', () => process.exit(0)); }
catch (error) { console.log(error.message); }
`;

async function contender(folder: string): Promise<{ readonly child: ChildProcess; readonly said: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program, folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [text] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, said: text.toString('utf8').trim() };
}

describe('the lock of a state folder (F31)', function () {
  this.timeout(60_000);
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'upkeep-lock-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it('F31: of twenty agents at once one gets it, and the others name it', async () => {
    const contenders = await Promise.all(Array.from({ length: 20 }, () => contender(folder)));
    const winners = contenders.filter(({ said }) => said === 'mine');
    assert.equal(winners.length, 1);
    const pid = winners[0]?.child.pid ?? 0;
    for (const { said } of contenders)
      if (said !== 'mine') assert.match(said, /Another agent \((?:pid \d+|just starting)\) uses the state folder/);
    assert.equal(lockHolder(folder), pid);
    await Promise.all(
      contenders.map(async ({ child }) => {
        if (child.exitCode !== null) return;
        const exited = once(child, 'exit');
        child.stdin?.end();
        await exited;
      }),
    );
  });

  it('F31: is free after kill -9, whoever has the pid now', async () => {
    const { child, said } = await contender(folder);
    assert.equal(said, 'mine');
    assert.throws(() => lockState(folder), new RegExp(`Another agent \\(pid ${child.pid ?? 0}\\).*--state`));
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    // The file still names a pid, and that pid lives again: this very process.
    writeFileSync(join(folder, 'agent.pid'), `${process.pid}\n`);
    assert.equal(lockHolder(folder), null);
    lockState(folder)();
  });

  it('F31: is given back where the name of its holder can not be removed, which is said once', () => {
    const said: string[] = [];
    const unlock = lockState(folder, { warn: (_: object, message?: string) => void said.push(message ?? '') });
    const name = join(folder, 'agent.pid');
    rmSync(name);
    mkdirSync(join(name, 'in the way'), { recursive: true });
    unlock();
    unlock();
    assert.deepEqual(said, [`${name} can not be removed; it names an agent that is gone, and hinders no other`]);
    assert.equal(lockHolder(folder), null);
    lockState(folder)();
  });

  it('is open to its owner alone and makes no file by a look', () => {
    assert.equal(lockHolder(folder), null);
    assert.equal(statSync(join(folder, 'agent.lock'), { throwIfNoEntry: false }), undefined);
    const unlock = lockState(folder);
    assert.equal(statSync(join(folder, 'agent.lock')).mode & 0o777, 0o600);
    unlock();
  });
});
