import assert from 'node:assert/strict';
import type { Snapshot } from '../../../agent/protocol/methods.ts';
import { timelineOf } from '../../../extension/dashboard/timeline.ts';
import type { Row, Timeline } from '../../../webview/dashboardSchema.ts';
import { ago, ahead, makeRun, makeSnapshot, makeTask, makeWindow, now } from '../nouns.ts';

const minute = 60_000;
const hour = 60 * minute;

function timeline(fields: Partial<Snapshot>, at = now): Timeline {
  const data = makeSnapshot(fields);
  return timelineOf('db-01', data, data.runs, at);
}
function row(fields: Partial<Snapshot>, index = 0): Row {
  const found = timeline(fields).rows[index];
  assert.ok(found);
  return found;
}

describe('timelineOf', () => {
  it('has a row a task in the order of the configuration, and one for runs of no task', () => {
    const tasks = [makeTask({ name: 'b' }), makeTask({ name: 'a' })];
    const runs = [makeRun({ id: '1', task: 'a' }), makeRun({ id: '2', task: 'greet', kind: 'block' })];
    const shown = timeline({ tasks, runs });
    assert.deepEqual(
      shown.rows.map((one) => [one.name, one.bars.map((bar) => bar.id)]),
      [
        ['b', []],
        ['a', ['1']],
        ['Runbooks and remedies', ['2']],
      ],
    );
  });

  it('keeps to the last 24 hours; a run that began before and ended within is there', () => {
    const runs = [
      makeRun({ id: 'old', startedAt: ago(26 * hour), endedAt: ago(25 * hour), queuedAt: ago(26 * hour) }),
      makeRun({ id: 'across', startedAt: ago(25 * hour), endedAt: ago(23 * hour), queuedAt: ago(25 * hour) }),
      makeRun({ id: 'check', trigger: 'check' }),
    ];
    assert.deepEqual(
      row({ tasks: [makeTask()], runs }).bars.map((bar) => bar.id),
      ['across'],
    );
  });

  it('puts bars in the order of time and says in words what the colour says', () => {
    const runs = [
      makeRun({
        id: 'late',
        outcome: 'failed',
        outcomeReason: 'exit code 2',
        reason: 'ticket 7',
        trigger: 'manual',
        actor: 'alice',
      }),
      makeRun({ id: 'early', startedAt: ago(2 * hour), endedAt: ago(hour), queuedAt: ago(2 * hour), durationMs: hour }),
    ];
    const [early, late] = row({ tasks: [makeTask()], runs }).bars;
    assert.deepEqual([early?.id, early?.tone, early?.mark], ['early', 'good', 'pass']);
    assert.deepEqual([late?.tone, late?.mark, late?.title], ['bad', 'error', 'daily_vacuum: failed']);
    assert.deepEqual(late?.lines.slice(1), ['exit code 2', 'started by alice (manual)', 'Reason: ticket 7']);
    assert.match(late.lines[0] ?? '', /, took 4\.2 s$/);
    assert.deepEqual(late.command, { name: 'openOutput', host: 'db-01', runId: 'late' });
  });

  it('draws an open run up to now, with its progress', () => {
    const open = makeRun({
      state: 'running',
      outcome: null,
      endedAt: null,
      durationMs: null,
      progress: { done: 3, total: 9, unit: 'tables' },
    });
    const shown = row({ tasks: [makeTask()], runs: [open] });
    assert.equal(shown.bars[0]?.to, now.getTime());
    assert.equal(shown.mark, 'running');
    assert.ok(shown.bars[0].lines.includes('3 of 9 tables'));
  });

  it('places a missed run at the time it was due; it has no output to open', () => {
    const missed = makeRun({
      outcome: 'missed',
      startedAt: null,
      endedAt: ago(hour),
      scheduledFor: ago(3 * hour),
      durationMs: null,
    });
    const [bar] = row({ tasks: [makeTask()], runs: [missed] }).bars;
    assert.equal(bar?.from, now.getTime() - 3 * hour);
    assert.equal(bar.command, null);
    assert.match(bar.lines[0] ?? '', /did not start$/);
  });

  it('marks the next run when it comes within two hours, and never that of a refused task', () => {
    const tasks = [
      makeTask({ nextRun: ahead(hour) }),
      makeTask({ name: 'far', nextRun: ahead(3 * hour) }),
      makeTask({ name: 'refused', nextRun: ahead(hour), problem: 'no such script' }),
    ];
    const { rows } = timeline({ tasks });
    assert.deepEqual(
      rows.map((one) => one.next?.at ?? null),
      [now.getTime() + hour, null, null],
    );
    assert.deepEqual([rows[2]?.text, rows[2]?.tone], ['no such script', 'bad']);
  });

  it('shades windows, cut to the range; one over its time reaches to now', () => {
    const windows = [
      makeWindow({
        id: 'a',
        title: 'Old',
        state: 'closed',
        startsAt: ago(30 * hour),
        endsAt: ago(20 * hour),
        closedAt: ago(23 * hour),
      }),
      makeWindow({ id: 'b', title: 'Over', state: 'overrun', startsAt: ago(2 * hour), endsAt: ago(hour) }),
      makeWindow({ id: 'c', title: 'Gone', state: 'closed', startsAt: ago(50 * hour), endsAt: ago(40 * hour) }),
    ];
    const { bands, from } = timeline({ windows });
    assert.deepEqual(
      bands.map((band) => [band.label.split(' ')[0], band.from, band.to, band.open]),
      [
        ['Old', from, now.getTime() - 23 * hour, false],
        ['Over', now.getTime() - 2 * hour, now.getTime(), true],
      ],
    );
  });

  it('labels full hours of the editor that three divides, within the range', () => {
    const { ticks, from, to } = timeline({}, new Date('2026-03-01T12:34:56.000Z'));
    assert.ok(ticks.length >= 8);
    for (const tick of ticks) {
      assert.match(tick.label, /^(00|03|06|09|12|15|18|21):00$/);
      assert.ok(tick.at >= from && tick.at <= to);
    }
  });

  it('leaves out quiet tasks where there are many, and says how many', () => {
    const tasks = Array.from({ length: 20 }, (_, index) =>
      makeTask({ name: `task-${index}`, nextRun: ahead(5 * hour) }),
    );
    const { rows, note } = timeline({ tasks, runs: [makeRun({ task: 'task-7' })] });
    assert.deepEqual(
      rows.map((one) => one.name),
      ['task-7'],
    );
    assert.equal(note, '19 tasks without runs in this time');
    assert.equal(timeline({}).note, 'No task is configured.');
  });

  it('bounds what one page draws', () => {
    const tasks = Array.from({ length: 60 }, (_, index) => makeTask({ name: `task-${index}`, nextRun: ahead(hour) }));
    const runs = Array.from({ length: 1000 }, (_, index) => makeRun({ id: `run-${index}`, task: 'task-0' }));
    const { rows, note } = timeline({ tasks, runs });
    assert.deepEqual([rows.length, rows[0]?.bars.length], [40, 400]);
    assert.equal(note, '20 more tasks with runs');
  });
});
