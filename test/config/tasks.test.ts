import assert from 'node:assert/strict';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { load, maintenance, onlyMessage, places, task, withFolder } from './harness.ts';

const cases: readonly {
  readonly title: string;
  readonly lines: readonly string[];
  readonly place: string;
  readonly says: RegExp;
}[] = [
  {
    title: 'an unknown key',
    lines: ['name: a', 'procedure: rotate-logs', 'alert_on_failur: true'],
    place: '5:7 error unknown-key',
    says: /`alert_on_failur` is not known in task `a`; did you mean `alert_on_failure`\?/,
  },
  {
    title: 'no name',
    lines: ['procedure: rotate-logs'],
    place: '3:7 error missing-key',
    says: /^`name` is missing in task 1: add it$/,
  },
  {
    title: 'an invalid cron expression',
    lines: ['name: a', 'procedure: rotate-logs', 'schedule: 0 25 * * *'],
    place: '5:17 error invalid-schedule',
    says: /^Hour "25" is outside 0-23/,
  },
  {
    title: 'a schedule that never comes',
    lines: ['name: a', 'procedure: rotate-logs', 'schedule: 0 0 30 2 *'],
    place: '5:17 error invalid-schedule',
    says: /never comes/,
  },
  {
    title: 'an empty schedule',
    lines: ['name: a', 'procedure: rotate-logs', 'schedule:'],
    place: '5:16 error invalid-value',
    says: /`schedule` of task `a` must be text; it is empty/,
  },
  {
    title: 'an unknown zone',
    lines: ['name: a', 'procedure: rotate-logs', 'timezone: Mars/Base'],
    place: '5:17 error invalid-timezone',
    says: /Mars\/Base/,
  },
  {
    title: 'a missing script',
    lines: ['name: a', 'script: tidy.sh'],
    place: '4:15 error missing-script',
    says: /missing script: there is no file .*tidy\.sh and no built-in procedure `tidy`; create it/,
  },
  {
    title: 'a mistyped procedure as script',
    lines: ['name: a', 'script: ./x/chek-certificates.sh'],
    place: '4:15 error missing-script',
    says: /did you mean `check-certificates\.sh`\?/,
  },
  {
    title: 'arguments within the script',
    lines: ['name: a', 'script: rotate-logs.sh --force'],
    place: '4:15 error missing-script',
    says: /put the arguments after `rotate-logs\.sh` into/,
  },
  {
    title: 'an unknown procedure',
    lines: ['name: a', 'procedure: rotate-log'],
    place: '4:18 error unknown-procedure',
    says: /did you mean `rotate-logs`\?/,
  },
  {
    title: 'both script and procedure',
    lines: ['name: a', 'script: x.sh', 'procedure: rotate-logs'],
    place: '5:18 error ambiguous-action',
    says: /not both/,
  },
  {
    title: 'neither script nor procedure',
    lines: ['name: a'],
    place: '3:7 error no-action',
    says: /add `script` or `procedure`/,
  },
  {
    title: 'an unknown option',
    lines: ['name: a', 'procedure: check-certificates', 'options:', '  warn_day: 3'],
    place: '6:9 error invalid-option',
    says: /`warn_day` is not known in the options of check-certificates; did you mean `warn_days`\?/,
  },
  {
    title: 'an option in camelCase',
    lines: ['name: a', 'procedure: check-certificates', 'options: {warnDays: 3}'],
    place: '5:17 error invalid-option',
    says: /did you mean `warn_days`\?/,
  },
  {
    title: 'an option of the wrong kind',
    lines: ['name: a', 'procedure: check-certificates', 'options: {warn_days: soon}'],
    place: '5:28 error invalid-option',
    says: /^`warn_days` of the options of check-certificates must be a (?:whole )?number, not text$/,
  },
  {
    title: 'arguments for a procedure',
    lines: ['name: a', 'procedure: rotate-logs', 'args: [--force]'],
    place: '5:13 error invalid-option',
    says: /use `options`/,
  },
  {
    title: 'a truth value of YAML 1.1',
    lines: ['name: a', 'procedure: rotate-logs', 'alert_on_failure: yes'],
    place: '5:25 error invalid-value',
    says: /must be `true` or `false` \(YAML 1\.2 reads `yes` as text\)/,
  },
  {
    title: 'a duration without unit',
    lines: ['name: a', 'procedure: rotate-logs', 'timeout: 30'],
    place: '5:16 error invalid-value',
    says: /must be a duration with its unit/,
  },
  {
    title: 'a name with a path in it',
    lines: ['name: ../a', 'procedure: rotate-logs'],
    place: '3:13 error invalid-value',
    says: /letters, digits/,
  },
  {
    title: 'an unset variable',
    lines: ['name: a', 'procedure: check-certificates', 'options: {domain: "${DOMAIN}"}'],
    place: '5:25 error unset-variable',
    says: /`DOMAIN` is not set: .*; the task is refused$/,
  },
  {
    title: 'a key that is there twice',
    lines: ['name: a', 'procedure: rotate-logs', 'schedule: 0 1 * * *', 'schedule: 0 2 * * *'],
    place: '6:7 error duplicate-key',
    says: /`schedule` is there twice/,
  },
  {
    title: 'text in place of a task',
    lines: ['daily_vacuum'],
    place: '3:7 error invalid-value',
    says: /^task 1 must be a mapping/,
  },
];

describe('tasks of the configuration', () => {
  for (const { title, lines, place, says } of cases) {
    it(`refuses ${title} with line and advice, and lets the next task go on`, () => {
      const text = `${task(...lines)}    - {name: next, procedure: rotate-logs}\n`;
      const result = load(text);
      assert.deepEqual(places(result), [place]);
      assert.match(onlyMessage(result), says);
      assert.equal(result.tasks, 2);
      assert.deepEqual(
        result.refused.map(({ line }) => line),
        [3],
      );
      assert.deepEqual(
        result.config?.tasks.map(({ name, line }) => [name, line]),
        [['next', 3 + lines.length]],
      );
    });
  }

  it('refuses the second task of a name, and keeps the first', () => {
    const result = load(
      maintenance(
        'automated_tasks:',
        '  - {name: a, procedure: rotate-logs}',
        '  - {name: a, procedure: health-check}',
      ),
    );
    assert.deepEqual(places(result), ['4:14 error duplicate-task']);
    assert.deepEqual(
      result.config?.tasks.map(({ action }) => action),
      [{ kind: 'procedure', procedure: 'rotate-logs', options: {} }],
    );
    assert.deepEqual(
      result.refused.map(({ name, line }) => [name, line]),
      [['a', 4]],
    );
  });

  it('gives options in camelCase as they were written, a single value as a list where one is wanted', () => {
    const { config, diagnostics } = load(
      task(
        'name: a',
        'procedure: check-certificates',
        'options: {domain: a.example.org, warn_days: 3, longer_than: 5s}',
      ),
    );
    assert.deepEqual(diagnostics, []);
    assert.deepEqual(config?.tasks[0]?.action, {
      kind: 'procedure',
      procedure: 'check-certificates',
      options: { domain: ['a.example.org'], warnDays: 3, longerThan: '5s' },
    });
  });

  it('resolves an alias to the procedure', () => {
    const { config } = load(task('name: a', 'script: /opt/scripts/system-health-check.sh'));
    assert.deepEqual(config?.tasks[0]?.action, { kind: 'procedure', procedure: 'health-check', options: {} });
  });

  it('reads a number or truth value from a variable where the schema wants one', () => {
    const text = maintenance(
      'thresholds: {cpu_usage_percent: "${QUOTED}", disk_usage_percent: 7}',
      'automated_tasks:',
      '  - name: a',
      '    procedure: rotate-logs',
      '    alert_on_failure: ${ALERT}',
      '    options:',
      '      force: ${FORCE:-true}',
      '      config: ${NUMBER}',
    );
    const result = load(text, { ALERT: 'true', NUMBER: '12', QUOTED: '5' });
    assert.deepEqual(places(result), ['2:35 error invalid-value']);
    assert.equal(result.config?.tasks[0]?.alert_on_failure, true);
    assert.deepEqual(result.config.tasks[0].action, {
      kind: 'procedure',
      procedure: 'rotate-logs',
      options: { force: true, config: '12' },
    });
  });

  it('takes alert_threshold_days as warn_days, warns where it means nothing or is said twice', () => {
    const text = maintenance(
      'automated_tasks:',
      '  - {name: a, procedure: check-certificates, alert_threshold_days: 9}',
      '  - {name: b, procedure: rotate-logs, alert_threshold_days: 9}',
      '  - {name: c, procedure: check-certificates, alert_threshold_days: 9, options: {warn_days: 4}}',
    );
    const result = load(text);
    assert.deepEqual(places(result), ['4:63 warning unused-key', '5:70 warning unused-key']);
    assert.deepEqual(
      result.config?.tasks.map(({ action }) => (action.kind === 'procedure' ? action.options : null)),
      [{ warnDays: 9 }, {}, { warnDays: 4 }],
    );
  });

  it('warns about the AND/OR trap of cron, unless the task says what it means', () => {
    const both = ['schedule: 0 2 1-7 * SUN', 'procedure: rotate-logs'];
    assert.deepEqual(places(load(task('name: a', ...both))), ['4:17 warning either-day']);
    assert.deepEqual(load(task('name: a', ...both, 'day_match: all')).diagnostics, []);
  });

  it('prefers a file of that name to the procedure', async () => {
    await withFolder(async (folder) => {
      await mkdir(join(folder, 'scripts'));
      const script = join(folder, 'scripts', 'rotate-logs.sh');
      await writeFile(script, '#!/bin/sh\n', { mode: 0o755 });
      const text = maintenance(
        'scripts: {directory: scripts}',
        'automated_tasks:',
        '  - {name: a, script: rotate-logs.sh, args: [one]}',
      );
      const file = join(folder, 'maintenance.yaml');
      assert.deepEqual(load(text, {}, file).config?.tasks[0]?.action, { kind: 'script', path: script, args: ['one'] });

      await chmod(script, 0o644);
      assert.match(onlyMessage(load(text, {}, file)), /is not executable: run `chmod \+x` on it/);

      await chmod(script, 0o757);
      assert.deepEqual(places(load(text, {}, file)), ['4:25 warning writable-script']);
    });
  });

  it('refuses a folder as script', async () => {
    await withFolder((folder) => {
      assert.match(onlyMessage(load(task('name: a', `script: ${folder}`))), /is not a file: name a script/);
    });
  });
});
