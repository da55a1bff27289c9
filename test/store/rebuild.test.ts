import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Run } from '../../agent/protocol/nouns.ts';
import { indexRuns, restoreSchedules } from '../../agent/store/rebuild.ts';
import { getRun, listOpenRuns, listRuns } from '../../agent/store/runs.ts';
import { scheduleOf } from '../../agent/store/schedule.ts';
import { addRun, runNumber, storeHarness, type StoreHarness } from './harness.ts';

describe('runs from their directories', () => {
  let harness: StoreHarness;
  beforeEach(() => {
    harness = storeHarness();
  });
  afterEach(() => {
    harness.dispose();
  });

  const rebuilt = (run: Run, more: (path: string) => void = () => undefined): Run | null => {
    const database = harness.open();
    more(addRun(null, harness.root, run).path);
    indexRuns(database, harness.root);
    return getRun(database, run.id);
  };

  it('gives an ended run its outcome, its exit code and its findings', () => {
    const run = rebuilt(runNumber(1, { outcome: 'failed', exitCode: 3 }), (path) => {
      const finding = { type: 'finding', level: 'warning', code: 'a.b', subject: 's', message: 'm' };
      writeFileSync(join(path, 'results.ndjson'), `${JSON.stringify(finding)}\nrubbish\n`);
    });
    assert.deepEqual(
      [run?.state, run?.outcome, run?.outcomeReason, run?.exitCode],
      ['ended', 'failed', 'exit code 3', 3],
    );
    assert.equal(run?.findings.warning, 1);
  });

  it('takes the record of its end word for word', () => {
    const end = runNumber(1, { outcome: 'cancelled', outcomeReason: 'stopped by alice', exitCode: 143 });
    const run = rebuilt(end, (path) => {
      writeFileSync(join(path, 'end.json'), JSON.stringify(end));
    });
    assert.deepEqual([run?.outcome, run?.outcomeReason], ['cancelled', 'stopped by alice']);
  });

  it('leaves a run without an end open, for the runner to adopt or call lost', () => {
    const run = runNumber(1, { state: 'running', outcome: null, exitCode: null });
    rebuilt(run);
    assert.deepEqual(
      listOpenRuns(harness.open()).map(({ id }) => id),
      [run.id],
    );
  });

  it('names what it does not understand, and takes the rest', () => {
    const database = harness.open();
    addRun(null, harness.root, runNumber(1));
    const broken = addRun(null, harness.root, runNumber(2));
    writeFileSync(join(broken.path, 'run.json'), '{"run":');
    const foreign = addRun(null, harness.root, runNumber(3));
    writeFileSync(join(foreign.path, 'run.json'), JSON.stringify({ run: runNumber(4) }));
    mkdirSync(join(harness.root, '2024-03-05', 'notes'));
    mkdirSync(join(harness.root, '2024-03-06'));
    const { runs, unreadable } = indexRuns(database, harness.root);
    assert.equal(runs, 1);
    assert.deepEqual([...unreadable].sort(), [broken.path, foreign.path].sort());
  });

  it('lets schedules go on after the last instant that has a run', () => {
    const database = harness.open();
    for (const index of [1, 5, 3]) addRun(database, harness.root, runNumber(index));
    restoreSchedules(database);
    assert.equal(scheduleOf(database, 'job')?.consideredUntil, Date.parse(runNumber(5).queuedAt));
  });

  it('is what a store that lost a run is compared with at each start', () => {
    const database = harness.open();
    addRun(database, harness.root, runNumber(1));
    database.change('DELETE FROM runs');
    const { epoch } = database;
    database.close();
    const next = harness.open();
    assert.equal(listRuns(next, { limit: 10 }).length, 1);
    assert.match(harness.repairs[0] ?? '', /was behind its copies.*1 run/);
    assert.notEqual(next.epoch, epoch);
  });

  it('says nothing of a run that was never started: its agent died before', () => {
    const database = harness.open();
    const directory = addRun(null, harness.root, runNumber(1, { state: 'running', outcome: null, exitCode: null }));
    for (const file of ['pid', 'output.log']) rmSync(join(directory.path, file));
    const { epoch } = database;
    database.close();
    const next = harness.open();
    assert.equal(listOpenRuns(next).length, 1);
    assert.deepEqual(harness.repairs, []);
    assert.equal(next.epoch, epoch);
  });

  it('F39: opens though something else stands where the runs of a day, or all of them, were, and says where', () => {
    const database = harness.open();
    addRun(database, harness.root, runNumber(1));
    database.close();
    writeFileSync(join(harness.root, '2024-03-06'), '');
    const next = harness.open();
    assert.equal(listRuns(next, { limit: 10 }).length, 1);
    next.close();
    rmSync(harness.root, { recursive: true });
    writeFileSync(harness.root, '');
    const last = harness.open();
    assert.equal(listRuns(last, { limit: 10 }).length, 1);
    const told = [join(harness.root, '2024-03-06'), harness.root].map(
      (folder) => `Runs in ${folder} (ENOTDIR) can not be read`,
    );
    assert.deepEqual(
      harness.repairs.map((text) => text.split(',')[0]),
      told,
    );
    last.close();
    rmSync(harness.file);
    harness.open();
    assert.match(harness.repairs.join(), /it is gone/);
  });
});
