import assert from 'node:assert/strict';
import { localTime } from '../../../extension/views/text.ts';
import { maintenanceModel } from '../../../extension/views/maintenanceModel.ts';
import { ago, ahead, makeHost, makeRun, makeWindow, now } from '../nouns.ts';
import { flat, outline } from '../outline.ts';

describe('maintenanceModel', () => {
  it('shows the open window with its time left, its facts and the runs of its plan', () => {
    const window = makeWindow({ plan: ['daily_vacuum', 'log_rotation'], planRuns: ['run-1'], heldAlerts: 2 });
    assert.deepEqual(outline(maintenanceModel([makeHost({ windows: [window], runs: [makeRun()] })], now)), [
      'tools (busy) 42 min left: Vacuum | db-01',
      '  pass (good) daily_vacuum | succeeded',
      '  circle-outline (muted) log_rotation | planned',
      '  dash (muted) Reason | bloat on orders',
      '  dash (muted) Opened by | alice',
      `  dash (muted) From | ${localTime(ago(18 * 60_000))}`,
      `  dash (muted) Until | ${localTime(ahead(42 * 60_000))}`,
      '  dash (muted) Maintenance mode | on (/var/www/maintenance.flag)',
      '  dash (muted) Alerts held | 2',
    ]);
  });

  it('says the reason only where the title does not, and names people without their way in', () => {
    const window = makeWindow({ reason: 'Vacuum', openedBy: 'unix:root' });
    const lines = outline(maintenanceModel([makeHost({ windows: [window] })], now));
    assert.equal(lines[1], '  dash (muted) Opened by | root');
  });

  it('warns of a window over its time, and of a mode that could not be set', () => {
    const over = makeWindow({ endsAt: ago(5 * 60_000) });
    const unset = makeWindow({ id: 'w2', mode: { flagFile: '/x', on: false, problem: 'permission denied' } });
    const nodes = maintenanceModel([makeHost({ windows: [over, unset] })], now);
    assert.deepEqual(
      nodes.map((node) => [node.tone, node.label]),
      [
        ['warning', '5 min over its time: Vacuum'],
        ['warning', '42 min left: Vacuum'],
      ],
    );
    assert.ok(flat(nodes).some((node) => node.label === 'Problem' && node.description === 'permission denied'));
  });

  it('says that the mode is off where nobody knows which flag file is meant, and not that there is none', () => {
    const modeOf = (problem: string | null): unknown => {
      const window = makeWindow({ mode: { flagFile: null, on: false, problem } });
      return flat(maintenanceModel([makeHost({ windows: [window] })], now)).find(
        ({ label }) => label === 'Maintenance mode',
      )?.description;
    };
    assert.deepEqual([modeOf('a mistake'), modeOf(null)], ['off', 'no flag file configured']);
  });

  it('puts coming windows below open ones and past ones into a group, newest first', () => {
    const past = (id: string, startsAt: string): ReturnType<typeof makeWindow> =>
      makeWindow({ id, title: id, state: 'closed', startsAt, closedAt: ago(60_000), closedReason: 'ended by alice' });
    const windows = [
      past('older', ago(9e7)),
      makeWindow({ id: 'next', title: 'next', state: 'scheduled', startsAt: ahead(2 * 86_400_000) }),
      past('newer', ago(3_660_000)),
      makeWindow(),
    ];
    const nodes = maintenanceModel([makeHost({ windows })], now);
    assert.deepEqual(
      nodes.map((node) => node.label),
      ['42 min left: Vacuum', 'next', 'Past windows'],
    );
    const children = nodes[2]?.children?.() ?? [];
    assert.deepEqual(
      children.map((node) => node.label),
      ['newer', 'older'],
    );
    assert.equal(children[0]?.description, `${localTime(ago(3_660_000))} · 1 h · db-01 · ended by alice`);
  });
});
