import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { verifyAudit } from '../../agent/store/audit.ts';
import { Database } from '../../agent/store/database.ts';
import { examine } from '../../agent/store/examine.ts';
import { agentFolder, storeHarness, type StoreHarness } from './harness.ts';

const kills = process.env['UPKEEP_FULL'] === '1' ? 200 : 20;

/** Writes runs, events and audit entries as the agent does, and says each number once it is committed. */
const writer = `
const [agent, harness, file, from] = process.argv.slice(1);
const { Database } = await import(agent + '/store/database.ts');
const { EventBus } = await import(agent + '/events.ts');
const { insertRun, updateRun } = await import(agent + '/store/runs.ts');
const { appendAudit } = await import(agent + '/store/audit.ts');
const { runNumber } = await import(harness);
const database = new Database(file);
const events = new EventBus(database, () => 0);
for (let index = Number(from); ; index += 1) {
  const run = runNumber(index);
  database.transaction(() => {
    insertRun(database, { ...run, state: 'running', outcome: null }, null);
    events.emit('run.changed', { run });
  });
  appendAudit(database, { at: index, actor: 'a', action: 'b', target: run.id, reason: null, detail: {} });
  database.transaction(() => {
    updateRun(database, run);
    events.emit('run.changed', { run });
  });
  process.stdout.write(index + '\\n');
}`;

/** Number of the last run that the writer said before it was killed, \`from - 1\` when it said none. */
async function writeAndKill(file: string, from: number, after: number): Promise<number> {
  const args = ['--input-type=module', '--eval', writer, agentFolder, join(import.meta.dirname, 'harness.ts'), file];
  const child = spawn(process.execPath, [...args, String(from)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  let last = from - 1;
  for await (const line of createInterface({ input: child.stdout })) {
    last = Number(line);
    // At a moment of its work that chance decides: the pipe runs ahead of us.
    if (last >= from + after) child.kill('SIGKILL');
  }
  await exited;
  return last;
}

describe('the store under kill -9 (F29)', function () {
  this.timeout(kills * 3000);
  let harness: StoreHarness;
  beforeEach(() => {
    harness = storeHarness();
  });
  afterEach(() => {
    harness.dispose();
  });

  it(`F29: is sound after ${kills} kills, and no acknowledged row is lost`, async () => {
    let next = 0;
    for (let kill = 0; kill < kills; kill += 1) {
      const last = await writeAndKill(harness.file, next, Math.floor(Math.random() * 20));
      assert.deepEqual(examine(harness.file, true), { kind: 'ok' });
      const database = new Database(harness.file);
      const ended = Number(database.get("SELECT count(*) AS n FROM runs WHERE state = 'ended'")?.['n']);
      const all = Number(database.get('SELECT count(*) AS n FROM runs')?.['n']);
      const open = database.all("SELECT id FROM runs WHERE state <> 'ended'");
      const events = Number(database.get('SELECT count(*) AS n FROM events')?.['n']);
      assert.ok(ended >= last + 1 - (all - ended), `run ${last} was acknowledged, ${ended} are there`);
      assert.equal(events, all + ended, 'each change with its event, or neither');
      assert.equal(verifyAudit(database).brokenAt, null);
      // The runner would end these; here they are ended so that the sum stays simple.
      for (const row of open) database.change("UPDATE runs SET state = 'ended' WHERE id = ?", row['id'] ?? null);
      for (const row of open)
        database.change("INSERT INTO events (at, type, data) VALUES (0, 'run.changed', ?)", JSON.stringify(row));
      next = all;
      database.close();
    }
    assert.ok(next > kills);
  });
});
