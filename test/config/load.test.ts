import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadConfig } from '../../agent/config/load.ts';
import { asUser } from '../../agent/procedures/logs/asUser.ts';
import { load, maintenance, nowhere, onlyMessage, places, procedures, seedText, withFolder } from './harness.ts';

const isRoot = process.geteuid?.() === 0;

describe('loading a configuration', () => {
  it('takes the example of the seed to the letter', () => {
    const result = load(seedText, { SLACK_WEBHOOK: 'https://hooks.example.org/services/T0/B0/key' });
    const { config } = result;
    assert.deepEqual(result.refused, []);
    assert.equal(result.tasks, 3);
    assert.deepEqual(
      config?.tasks.map(({ name, line, schedule, alert_on_failure: alert, action }) => ({
        name,
        line,
        schedule,
        alert,
        action,
      })),
      [
        {
          name: 'daily_vacuum',
          line: 4,
          schedule: '0 3 * * *',
          alert: true,
          action: { kind: 'procedure', procedure: 'database-daily-maintenance', options: {} },
        },
        {
          name: 'log_rotation',
          line: 9,
          schedule: '0 0 * * *',
          alert: false,
          action: { kind: 'procedure', procedure: 'rotate-logs', options: {} },
        },
        {
          name: 'certificate_check',
          line: 14,
          schedule: '0 2 * * *',
          alert: true,
          action: { kind: 'procedure', procedure: 'check-certificates', options: { warnDays: 30 } },
        },
      ],
    );
    assert.equal(config.notifications.slack_webhook, 'https://hooks.example.org/services/T0/B0/key');
    assert.deepEqual(config.notifications.email_list, ['ops@freeagentics.io']);
    assert.deepEqual(config.thresholds, {
      disk_usage_percent: 80,
      memory_usage_percent: 85,
      cpu_usage_percent: 90,
      database_connections_percent: 80,
    });
    assert.deepEqual(places(result), ['22:5 warning no-smtp']);
    assert.equal(result.revision, createHash('sha256').update(seedText).digest('hex'));
  });

  it('takes the example of the seed without its variable: the channel is off, and said to be', () => {
    const result = load(seedText);
    assert.equal(result.config?.tasks.length, 3);
    assert.equal(result.config.notifications.slack_webhook, undefined);
    assert.deepEqual(places(result), ['21:20 warning unset-variable', '22:5 warning no-smtp']);
    assert.match(
      result.diagnostics[0]?.message ?? '',
      /`SLACK_WEBHOOK` is not set.*notifications\.slack_webhook\) is off/,
    );
  });

  it('has every default when sections are absent or empty', () => {
    const { config, diagnostics } = load(maintenance('thresholds:', 'automated_tasks:', 'notifications:'));
    assert.deepEqual(diagnostics, []);
    assert.equal(config?.thresholds.disk_usage_percent, 80);
    assert.equal(config.timezone, 'UTC');
    assert.equal(config.metrics.prefix, 'upkeep_maintenance');
    assert.deepEqual(config.tasks, []);
  });

  it('names the key, its place and what was meant for an unknown one', () => {
    const result = load(
      maintenance('treshold:', '  disk_usage_percent: 70', 'thresholds:', '  disc_usage_percent: 70'),
    );
    assert.deepEqual(places(result), ['2:3 error unknown-key', '5:5 error unknown-key']);
    assert.equal(
      result.diagnostics[0]?.message,
      'the key `treshold` is not known in `maintenance`; did you mean `thresholds`? (it is left out)',
    );
    assert.equal(
      result.diagnostics[1]?.message,
      'the key `disc_usage_percent` is not known in `thresholds`; did you mean `disk_usage_percent`? (it is left out)',
    );
    assert.equal(result.config?.thresholds.disk_usage_percent, 80);
  });

  it('leaves keys that begin with x- to the user', () => {
    assert.deepEqual(load('x-note: 1\nmaintenance:\n  x-defaults: {a: 1}\n').diagnostics, []);
  });

  it('refuses one setting, keeps its neighbours, and says which default holds', () => {
    const result = load(
      maintenance(
        'thresholds:',
        '  disk_usage_percent: many',
        '  cpu_usage_percent: 50',
        'database:',
        '  lock_timeout: 5',
      ),
    );
    assert.deepEqual(places(result), ['3:25 error invalid-value', '6:19 error invalid-value']);
    assert.equal(
      result.diagnostics[0]?.message,
      '`thresholds.disk_usage_percent` must be a number, not text; its default holds (80)',
    );
    assert.match(
      result.diagnostics[1]?.message ?? '',
      /must be a duration with its unit: .*; its default holds \(5s\)$/,
    );
    assert.equal(result.config?.thresholds.cpu_usage_percent, 50);
    assert.equal(result.config.database.lock_timeout, 5000);
  });

  it('refuses one entry of a list whole: no database is reached by half of its settings', () => {
    const lines = [
      'databases:',
      '  - name: shop',
      '    url: postgres://shop:${PASSWORD}@db/shop',
      '  - name: stock',
      '    url: postgres://db/stock',
    ];
    const result = load(maintenance(...lines));
    assert.deepEqual(places(result), ['4:12 error unset-variable']);
    assert.deepEqual(result.config?.databases, [{ name: 'stock', url: 'postgres://db/stock' }]);
  });

  it('lets the defaults of a section of the wrong kind hold, and says so', () => {
    const result = load(maintenance('thresholds: [1, 2]'));
    assert.equal(
      onlyMessage(result),
      '`thresholds` must be a mapping (`key: value`), not a list; the default of `thresholds` holds',
    );
    assert.equal(result.config?.thresholds.memory_usage_percent, 85);
  });

  it('refuses what stands there twice', () => {
    const result = load(
      maintenance('thresholds:', '  cpu_usage_percent: 50', '  cpu_usage_percent: 60', '  disk_usage_percent: 60'),
    );
    assert.equal(places(result)[0], '4:5 error duplicate-key');
    assert.equal(result.config?.thresholds.cpu_usage_percent, 90);
    assert.equal(result.config.thresholds.disk_usage_percent, 60);
  });

  it('expands aliases and merge keys, own keys first', () => {
    const result = load(
      maintenance(
        'x-low: &low',
        '  disk_usage_percent: 10',
        '  cpu_usage_percent: 10',
        'thresholds:',
        '  <<: *low',
        '  cpu_usage_percent: 20',
      ),
    );
    assert.deepEqual(result.diagnostics, []);
    assert.equal(result.config?.thresholds.disk_usage_percent, 10);
    assert.equal(result.config.thresholds.cpu_usage_percent, 20);
  });

  it('makes paths absolute from the folder of the file', () => {
    const lines = [
      'certificates:',
      '  paths: [certs/*.pem, /etc/x.pem, ~/y.pem]',
      '  renew_command: bin/renew now',
      '  certbot: {webroot: www, config_dir: ~/certbot}',
      '  deploy: [{domain: a.example, to: {cert: a.pem, key: /etc/a.key}, mode: 0640, validate: nginx -t}]',
      'mode: {flag_file: flag}',
      'runbooks: {directories: [books]}',
      'logs: {rotate: [{paths: [log/*.log], create: 0644}]}',
    ];
    const { config } = load(maintenance(...lines), { HOME: '/home/ops' });
    assert.deepEqual(config?.certificates.paths, [join(nowhere, 'certs/*.pem'), '/etc/x.pem', '/home/ops/y.pem']);
    const { renew_command, certbot, deploy } = config.certificates;
    assert.deepEqual(renew_command, [join(nowhere, 'bin/renew'), 'now']);
    assert.deepEqual([certbot.webroot, certbot.config_dir], [join(nowhere, 'www'), '/home/ops/certbot']);
    assert.deepEqual([deploy[0]?.to.cert, deploy[0]?.to.key], [join(nowhere, 'a.pem'), '/etc/a.key']);
    assert.deepEqual([deploy[0]?.mode, deploy[0]?.validate], ['0640', ['nginx', '-t']]);
    assert.equal(config.mode.flag_file, join(nowhere, 'flag'));
    assert.deepEqual(config.runbooks.directories, [join(nowhere, 'books')]);
    assert.deepEqual(config.logs.rotate?.[0]?.paths, [join(nowhere, 'log/*.log')]);
    assert.equal(config.logs.rotate[0].create, '0644');
    assert.equal(config.scripts.directory, nowhere);
  });

  it('warns with its line about a certificate path that does not exist, and stays silent about one that does', async () => {
    await withFolder(async (folder) => {
      await mkdir(join(folder, 'certs'));
      await writeFile(join(folder, 'certs', 'a.pem'), '');
      const text = maintenance(
        'certificates:',
        '  paths:',
        '    - certs/a.pem',
        '    - certs/*.pem',
        '    - certs/b.pem',
        '    - other/*.pem',
      );
      const result = load(text, {}, join(folder, 'maintenance.yaml'));
      assert.deepEqual(places(result), ['6:9 warning missing-certificate', '7:9 warning missing-certificate']);
      assert.match(result.diagnostics[0]?.message ?? '', /certs\/b\.pem does not exist/);
      assert.equal(result.config?.certificates.paths.length, 4);
    });
  });

  it('says nothing about a path that this user may not look at: the agent may, as root does for certbot', async () => {
    await withFolder(async (folder) => {
      const closed = join(folder, 'live');
      await mkdir(closed);
      await writeFile(join(closed, 'a.pem'), '');
      await chmod(closed, isRoot ? 0o700 : 0);
      const text = maintenance('certificates:', '  paths:', `    - ${closed}/a.pem`);
      const reading = () => Promise.resolve(load(text, {}, join(folder, 'maintenance.yaml')));
      const result = await asUser(isRoot ? { uid: 65534, gid: 65534 } : null, reading);
      await chmod(closed, 0o700);
      assert.deepEqual(places(result), []);
    });
  });

  it('refuses an unknown time zone together with the tasks that would run at the wrong hour', () => {
    const text = maintenance(
      'timezone: Europe/Berln',
      'automated_tasks:',
      '  - {name: a, schedule: 0 3 * * *, procedure: rotate-logs}',
      '  - {name: b, schedule: 0 3 * * *, timezone: Asia/Tokyo, procedure: rotate-logs}',
    );
    const result = load(text);
    assert.deepEqual(places(result), ['2:13 error invalid-timezone', '4:27 error invalid-timezone']);
    assert.deepEqual(
      result.config?.tasks.map(({ name, zone }) => [name, zone]),
      [['b', 'Asia/Tokyo']],
    );
  });

  for (const [what, zone] of [
    ['that is none', 'timezone: [Europe, Berlin]'],
    ['whose variable is not set', 'timezone: ${UNSET_ZONE}'],
    ['under another name', 'time_zone: Europe/Berlin'],
  ] as const) {
    it(`puts no UTC in the place of a time zone ${what}`, () => {
      const entry = (name: string, more: string): string => `  - {name: ${name}, ${more}, procedure: rotate-logs}`;
      const tasks = [
        entry('a', 'schedule: 0 3 * * *'),
        entry('b', 'schedule: 0 3 * * *, timezone: UTC'),
        entry('c', 'group: g'),
      ];
      const { config, refused } = load(maintenance(zone, 'automated_tasks:', ...tasks));
      assert.deepEqual([refused.map(({ name }) => name), config?.tasks.map(({ name }) => name)], [['a'], ['b', 'c']]);
    });
  }

  it('takes checks that only look, by name or alias, and refuses the others', () => {
    const text = maintenance(
      'checks:',
      '  - {name: a, procedure: system-health-check, every: 5m, options: {full: true}}',
      '  - {name: b, procedure: rotate-logs, every: 5m}',
      '  - {name: c, procedure: health-chek, every: 5m}',
      '  - {name: a, procedure: health-check, every: 5m}',
      '  - {name: d, procedure: health-check, every: 5}',
    );
    const result = load(text);
    assert.deepEqual(result.config?.checks, [
      { name: 'a', procedure: 'health-check', every: 300_000, options: { full: true } },
    ]);
    assert.deepEqual(places(result), [
      '4:28 error check-changes',
      '5:28 error unknown-procedure',
      '6:14 error duplicate-check',
      '7:49 error invalid-value',
    ]);
  });

  it('reads UTF-16 with a mark, and says that UTF-8 is better', async () => {
    await withFolder(async (folder) => {
      const file = join(folder, 'maintenance.yaml');
      await writeFile(file, Buffer.from(`\uFEFF${seedText}`, 'utf16le'));
      const result = loadConfig({ file, env: {}, procedures });
      assert.equal(result.config?.tasks.length, 3);
      assert.equal(places(result)[0], '1:1 warning encoding');
    });
  });

  it('gives the line of a byte that is not UTF-8', async () => {
    await withFolder(async (folder) => {
      const file = join(folder, 'maintenance.yaml');
      await writeFile(
        file,
        Buffer.concat([Buffer.from('maintenance:\n  a: '), Buffer.from([0xe9]), Buffer.from('\n')]),
      );
      const result = loadConfig({ file, env: {}, procedures });
      assert.equal(result.config, null);
      assert.deepEqual(places(result), ['2:6 error encoding']);
    });
  });

  it('says where it looked when there is no file, and is empty instead when the caller wants that', () => {
    const file = join(nowhere, 'maintenance.yaml');
    const refused = loadConfig({ file, env: {}, procedures });
    assert.equal(refused.config, null);
    assert.equal(onlyMessage(refused), `there is no file ${file}: create it, or name another one`);
    const empty = loadConfig({ file, env: {}, procedures, missing: 'empty' });
    assert.deepEqual(empty.config?.tasks, []);
    assert.equal(empty.revision, null);
    assert.deepEqual(places(empty), ['1:1 warning no-file']);
  });
});
