import assert from 'node:assert/strict';
import { statusModel } from '../../../extension/views/statusModel.ts';
import {
  makeAlert,
  makeFinding,
  makeHost,
  makeReport,
  makeSnapshot,
  makeWaitingRun,
  makeWindow,
  now,
} from '../nouns.ts';

const problem = { message: 'connection refused', code: null, final: false };
const away = {
  name: 'db-02',
  connection: { kind: 'waiting', attempt: 1, failures: 1, retryAt: 0, problem },
} as const;

const error = { line: 3, column: 1, severity: 'error' as const, code: 'x', task: null, message: 'unknown key `a`' };
const refused = { ...makeSnapshot().config, stale: true, diagnostics: [error] };

describe('statusModel', () => {
  for (const [title, hosts, text, view] of [
    ['no host', [], '$(vm-outline) Upkeep', 'tasks'],
    ['all well', [makeHost()], '$(pass) Upkeep', 'health'],
    [
      'a warning',
      [makeHost({ reports: [makeReport({ findings: [makeFinding({ level: 'warning' })] })] })],
      '$(warning) Upkeep',
      'health',
    ],
    ['an alert', [makeHost({ alerts: [makeAlert()] })], '$(error) Upkeep 1 alert', 'health'],
    ['an alert that is held', [makeHost({ alerts: [makeAlert({ held: true })] })], '$(pass) Upkeep', 'health'],
    [
      'a finding whose alert is held',
      [
        makeHost({
          reports: [makeReport({ findings: [makeFinding({ level: 'critical' })] })],
          alerts: [makeAlert({ key: 'finding:disk.usage:/', held: true })],
        }),
      ],
      '$(pass) Upkeep',
      'health',
    ],
    [
      'paused schedules',
      [makeHost({ paused: { by: 'alice', since: now.toISOString(), reason: null } })],
      '$(pass) Upkeep  $(debug-pause) paused',
      'health',
    ],
    [
      'paused schedules on one of two hosts',
      [makeHost({ paused: { by: 'alice', since: now.toISOString(), reason: null } }), makeHost({}, { name: 'b' })],
      '$(pass) Upkeep  $(debug-pause) paused on 1 host',
      'health',
    ],
    ['a run to approve', [makeHost({ runs: [makeWaitingRun()] })], '$(pass) Upkeep  $(account) 1 to approve', 'tasks'],
    [
      'a run that others approve',
      [makeHost({ runs: [makeWaitingRun()] }, { actor: 'bob' })],
      '$(pass) Upkeep',
      'health',
    ],
    ['a refused configuration', [makeHost({ config: refused })], '$(warning) Upkeep configuration refused', 'tasks'],
    [
      'an alert and a refused configuration',
      [makeHost({ config: refused, alerts: [makeAlert()] })],
      '$(error) Upkeep 1 alert, configuration refused',
      'tasks',
    ],
    ['a window', [makeHost({ windows: [makeWindow()] })], '$(tools) 42 min left $(pass)', 'maintenance'],
    ['a host away', [makeHost(), makeHost({}, away)], '$(warning) Upkeep 1 offline', 'tasks'],
    [
      'a connection on its way',
      [makeHost({}, { connection: { kind: 'connecting', attempt: 1, failures: 0 }, data: null })],
      '$(loading~spin) Upkeep',
      'health',
    ],
  ] as const)
    it(`with ${title} says ${text}`, () => {
      const status = statusModel(hosts, now);
      assert.deepEqual([status.text, status.view], [text, view]);
    });

  it('says in the tooltip why the configuration is refused', () => {
    const { tooltip, refused: marked } = statusModel([makeHost({ config: refused })], now);
    assert.equal(
      tooltip.at(-1),
      'db-01: the configuration is refused, the last good one is in force (line 3: unknown key `a`)',
    );
    assert.equal(marked, true);
  });

  it('says the same in words for screen readers', () => {
    const host = makeHost({ windows: [makeWindow()], alerts: [makeAlert()] });
    assert.equal(statusModel([host], now).spoken, 'Upkeep: maintenance window, 42 min left; critical, 1 alert');
    assert.equal(statusModel([makeHost({}, away)], now).spoken, 'Upkeep: offline, 1 of 1 host offline');
  });
});
