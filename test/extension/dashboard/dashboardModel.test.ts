import assert from 'node:assert/strict';
import { dashboardModel, type DashboardInput } from '../../../extension/dashboard/dashboardModel.ts';
import type { HostView } from '../../../extension/state/host.ts';
import type { Dashboard } from '../../../webview/dashboardSchema.ts';
import { parseHostMessage } from '../../../webview/protocol.ts';
import { ahead, makeAlert, makeFinding, makeHost, makeReport, makeRun, makeTask, now } from '../nouns.ts';
import { busyHost, offlineHost } from './scene.ts';

function model(hosts: readonly HostView[], fields: Partial<DashboardInput> = {}): Dashboard {
  return dashboardModel({ hosts, selected: null, runsOf: (host) => host.data?.runs ?? [], now, ...fields });
}
function commandsOf(dashboard: Dashboard): string[] {
  const { actions, body, notices } = dashboard;
  const all = [
    ...actions,
    ...notices.flatMap((notice) => notice.actions),
    ...(body === null ? [] : [...body.tiles, ...body.alerts].flatMap((one) => one.actions)),
  ];
  return [...new Set(all.map((action) => action.command.name))].sort();
}

describe('dashboardModel', () => {
  it('fits the message that carries it, for every kind of host', () => {
    const busy = busyHost();
    const scenes = [[], [busy], [makeHost()], [offlineHost('web-01')], [offlineHost('db-01', busy.data), busy]];
    for (const hosts of scenes) {
      const dashboard = model(hosts);
      assert.deepEqual(parseHostMessage({ type: 'dashboard', dashboard }), {
        message: { type: 'dashboard', dashboard },
      });
    }
  });

  it('welcomes where there is no host, with what can be done about it', () => {
    const dashboard = model([]);
    assert.equal(dashboard.body, null);
    assert.equal(dashboard.notices[0]?.title, 'No host yet');
    assert.deepEqual(commandsOf(dashboard), ['addHost', 'createConfiguration']);
  });

  it('shows the chosen host; without a choice, or when it is gone, the first that has data', () => {
    const hosts = [offlineHost('web-01'), makeHost({}, { name: 'db-01' }), makeHost({}, { name: 'db-02' })];
    assert.equal(model(hosts).selected, 'db-01');
    assert.equal(model(hosts, { selected: 'db-02' }).selected, 'db-02');
    assert.equal(model(hosts, { selected: 'web-01' }).selected, 'web-01');
    assert.equal(model(hosts, { selected: 'gone' }).selected, 'db-01');
  });

  it('leaves out hosts that nobody wants connected', () => {
    const idle = makeHost({}, { name: 'idle', data: null, connection: { kind: 'idle', attempt: 0 } });
    assert.deepEqual(
      model([idle, makeHost()]).hosts.map((host) => host.name),
      ['db-01'],
    );
  });

  it('says of each host in the list how it is', () => {
    const hosts = [
      busyHost({}, { name: 'busy' }),
      makeHost({ reports: [makeReport()] }, { name: 'well' }),
      makeHost({}, { name: 'new' }),
      offlineHost('off'),
      makeHost({}, { name: 'dial', data: null, connection: { kind: 'connecting', attempt: 1, failures: 0 } }),
    ];
    assert.deepEqual(
      model(hosts).hosts.map((host) => [host.name, host.tone, host.text]),
      [
        ['busy', 'bad', 'critical, 3 open alerts'],
        ['well', 'good', 'all well'],
        ['new', 'none', 'connected, nothing looked at yet'],
        ['off', 'muted', 'offline'],
        ['dial', 'busy', 'connecting'],
      ],
    );
  });

  it('shows what was known of a host that is offline, says since when and why, and offers to reconnect', () => {
    const dashboard = model([offlineHost('db-01', busyHost().data)]);
    const [notice] = dashboard.notices;
    assert.equal(dashboard.stale, true);
    assert.equal(dashboard.body?.tiles[0]?.value, 'Critical');
    assert.match(notice?.title ?? '', /db-01 is offline/);
    assert.match(notice?.text ?? '', /Connect ECONNREFUSED 10\.0\.4\.17:7433\. The next attempt is in 12 s\. Shown is/);
    assert.deepEqual(commandsOf(dashboard), ['openOutput', 'reconnect', 'showLog', 'showView']);
  });

  it('tells a host that refuses from one that can not be reached', () => {
    const problem = { message: 'the agent refused the token (HTTP 401)', code: 401, final: true };
    const dashboard = model([makeHost({}, { data: null, connection: { kind: 'failed', attempt: 1, problem } })]);
    assert.equal(dashboard.notices[0]?.tone, 'bad');
    assert.equal(dashboard.notices[0].title, 'db-01 refuses the connection');
    assert.equal(dashboard.notices[0].text, 'The agent refused the token (HTTP 401).');
    assert.equal(dashboard.body, null);
  });

  it('shows that it is connecting, with nothing to press', () => {
    const dashboard = model([
      makeHost({}, { data: null, connection: { kind: 'connecting', attempt: 1, failures: 0 } }),
    ]);
    assert.deepEqual([dashboard.notices[0]?.busy, dashboard.notices[0]?.title], [true, 'Connecting to db-01 …']);
    assert.deepEqual(commandsOf(dashboard), []);
  });

  it('says that a configuration is refused, where, and opens it', () => {
    const diagnostic = {
      line: 7,
      column: 3,
      severity: 'error',
      code: 'cron',
      task: null,
      message: 'not a time',
    } as const;
    const config = {
      file: '/m.yaml',
      revision: null,
      loadedAt: null,
      stale: true,
      diagnostics: [diagnostic, diagnostic],
    };
    const dashboard = model([makeHost({ config })]);
    assert.equal(dashboard.notices[0]?.title, 'The configuration is refused; the last good one is in force');
    assert.equal(dashboard.notices[0].text, 'Line 7: Not a time. 1 more error.');
    assert.ok(commandsOf(dashboard).includes('openConfiguration'));
  });

  it('offers a viewer nothing that the agent would refuse', () => {
    assert.deepEqual(commandsOf(model([busyHost({}, { role: 'viewer' })])), ['openOutput', 'showView']);
    assert.deepEqual(commandsOf(model([busyHost({}, { role: 'operator' })])), [
      'acknowledgeAlert',
      'endWindow',
      'extendWindow',
      'openOutput',
      'runChecks',
      'showView',
    ]);
  });

  it('shows hidden and reordering characters of a host by their code', () => {
    const evil = 'a\u202Eb\u200B';
    const dashboard = model([
      makeHost({
        tasks: [makeTask({ name: evil, nextRun: ahead(1000) })],
        runs: [makeRun({ task: evil, actor: evil, reason: evil, outcomeReason: evil })],
        alerts: [makeAlert({ title: evil, message: evil })],
        reports: [makeReport({ findings: [makeFinding({ subject: evil, message: evil, code: `x.${evil}` })] })],
      }),
    ]);
    // Ids of commands go back as they came; everything that is shown does not.
    const shown = JSON.stringify(dashboard, (key, value: unknown) => (key === 'id' ? '' : value));
    assert.equal(/[\u202E\u200B]/.test(shown), false);
    assert.match(shown, /a⟨U\+202E⟩b⟨U\+200B⟩/);
  });
});
