import assert from 'node:assert/strict';
import { loadConfig, type LoadResult } from '../../agent/config/load.ts';
import { unreadBlackouts } from '../../agent/schedule/blackoutsInForce.ts';
import { maintenance, nowhere, onlyMessage, places, procedures } from './harness.ts';

const now = Date.parse('2026-06-01T00:00:00Z');

function load(tasks: readonly string[], blackouts: readonly string[], more: readonly string[] = []): LoadResult {
  const text = maintenance(
    'automated_tasks:',
    ...tasks.map((task) => `  - { procedure: rotate-logs, ${task} }`),
    'blackouts:',
    ...blackouts.map((blackout) => `  - { ${blackout} }`),
    ...more,
  );
  return loadConfig({ file: `${nowhere}/maintenance.yaml`, text, env: {}, procedures, now });
}

describe('blackouts in the configuration', () => {
  it('are rules by schedule and duration, or from an instant to another', () => {
    const result = load(
      ['name: a, schedule: "0 12 * * *", group: db'],
      [
        'name: night, schedule: "0 22 * * *", duration: 8h, groups: [db]',
        'name: freeze, from: 2026-12-20, to: 2027-01-02',
      ],
    );
    assert.deepEqual(places(result), []);
    assert.deepEqual(
      result.config?.blackouts.map(({ name, duration }) => [name, duration]),
      [
        ['night', 8 * 3_600_000],
        ['freeze', undefined],
      ],
    );
  });

  for (const [title, blackout, place, says] of [
    [
      'with a wrong expression',
      'name: x, schedule: "0 25 * * *", duration: 1h',
      '5:28',
      /the blackout `x`: Hour "25".*; by this file no scheduled run starts$/,
    ],
    ['without an end', 'name: x, from: 2026-12-20', '5:7', /`to` is missing/],
    ['that ends before it begins', 'name: x, from: 2026-12-20, to: 2026-12-19', '5:40', /`to` is not after `from`/],
    ['in an unknown zone', 'name: x, from: 2026-12-20, to: 2026-12-21, timezone: Mars/Base', '5:62', /Mars\/Base/],
  ] as const) {
    it(`${title} are left out, with their place; the others hold`, () => {
      const result = load(['name: a'], [blackout, 'name: y, from: 2026-12-20, to: 2026-12-21']);
      assert.deepEqual(places(result), [`${place} error invalid-blackout`]);
      assert.match(onlyMessage(result), says);
      assert.deepEqual(
        result.config?.blackouts.map(({ name }) => name),
        ['y'],
      );
    });
  }

  it('that can not be read in full are told by their place, so that nothing scheduled starts', () => {
    const fine = 'name: y, from: 2026-12-20, to: 2026-12-21';
    for (const [blackouts, more, wanted] of [
      [[fine], [], []],
      [['7', fine, 'name: x, from: 2026-12-20'], [], ['blackouts[0]', 'blackouts[0].7', 'blackouts[2]']],
      [['name: [x]', 'name: x, from: "${UNSET}", to: 2026-12-21'], [], ['blackouts[0]', 'blackouts[1]']],
      [[`${fine}, task: [a]`], [], ['blackouts[0].task']],
      [[fine], ['timezone: Mars/Base'], ['blackouts[0]']],
      [[fine], ['timezone: [UTC]'], ['blackouts[0]']],
      [[fine], ['time_zone: UTC'], ['blackouts[0]']],
      [[`${fine}, timezone: UTC`], ['timezone: Mars/Base', 'x-own: 1', 'thresholds: 7'], []],
    ] as const) {
      const { config, diagnostics } = load(['name: a, timezone: UTC'], blackouts, more);
      assert.ok(config);
      assert.deepEqual([...unreadBlackouts(config)].sort(), wanted, [...blackouts, ...more].join('\n'));
      assert.equal(
        diagnostics.some(({ message }) => message.includes('no scheduled run starts')),
        wanted.length > 0,
      );
    }
    for (const text of [
      maintenance('blackout: [{ name: y, from: 2026-12-20, to: 2026-12-21 }]'),
      `${maintenance('automated_tasks: []')}blackouts: [{ name: y, from: 2026-12-20, to: 2026-12-21 }]\n`,
    ]) {
      const { config, diagnostics } = loadConfig({ file: '/f', text, env: {}, procedures, now });
      assert.equal(config === null ? 0 : unreadBlackouts(config).length, 1, text);
      assert.match(diagnostics[0]?.message ?? '', /by this file no scheduled run starts/);
    }
  });

  it('without a name, or with a key that there is not, say so', () => {
    const result = load(['name: a'], ['from: 2026-12-20, to: 2026-12-21', 'name: y, form: 2026-12-20']);
    const messages = result.diagnostics.map(({ message }) => message).join('\n');
    assert.match(messages, /`name` is missing/);
    assert.match(messages, /did you mean `from`\?/);
  });

  it('that name tasks or groups that there are not get a warning', () => {
    const result = load(
      ['name: a, group: db'],
      ['name: x, from: 2026-12-20, to: 2026-12-21, tasks: [a, b], groups: [db, web]'],
    );
    assert.deepEqual(
      result.diagnostics.map(({ severity, code }) => `${severity} ${code}`),
      ['warning unknown-task', 'warning unknown-group'],
    );
  });

  it('in which every run of a task lies get a warning with the line of the task', () => {
    const result = load(
      ['name: never, schedule: "0 23,3 * * *"', 'name: sometimes, schedule: "0 */6 * * *"', 'name: by-hand'],
      ['name: evening, schedule: "0 22 * * *", duration: 4h', 'name: night, schedule: "0 2 * * *", duration: 2h'],
    );
    assert.deepEqual(places(result), ['3:7 warning always-in-blackout']);
    assert.match(
      onlyMessage(result),
      /every run of task `never` .* `night`, `evening`: it never starts by its schedule/,
    );
    assert.deepEqual(result.refused, []);
  });

  it('in which the only run of a task lies get a warning, and an end in sight gets none', () => {
    const freeze = 'name: freeze, from: 2026-12-20, to: 2027-01-02';
    const result = load(['name: once, at: 2026-12-24T02:00', 'name: often, schedule: "* * * * *"'], [freeze]);
    assert.deepEqual(places(result), ['3:7 warning always-in-blackout']);
    assert.deepEqual(places(load(['name: often, every: 1m'], ['name: now, from: 2026-05-20, to: 2026-06-02'])), []);
  });

  it('in great number with many tasks are judged without delay', () => {
    const tasks = Array.from({ length: 300 }, (_, index) => `name: t${index}, schedule: "* * * * *"`);
    const blackouts = Array.from(
      { length: 100 },
      (_, index) => `name: b${index}, schedule: "${index % 60} * * * *", duration: 50m`,
    );
    const result = load(tasks, blackouts);
    assert.equal(result.config?.tasks.length, 300);
  });
});
