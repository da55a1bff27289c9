/** maintenance.yaml has a mistake, and somebody runs what works by it: a default never does what nobody meant. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentEvent } from '../../agent/protocol/events.ts';
import { AgentWorld, endOf, nextEvent } from './agentProcess.ts';

type RunChanged = Extract<AgentEvent, { type: 'run.changed' }>;

describe('commands whose settings have a mistake', function () {
  this.timeout(120_000);
  let world: AgentWorld;
  let logs: string;
  let archive: string;
  beforeEach(() => {
    world = new AgentWorld();
    [logs, archive] = [join(world.folder, 'logs'), join(world.folder, 'archive')];
    mkdirSync(logs);
    for (const name of ['a.log', 'a.log.1', 'b.log']) {
      writeFileSync(join(logs, name), `${name}\n`);
      utimesSync(join(logs, name), 1_700_000_000, 1_700_000_000);
    }
  });
  afterEach(() => world.dispose());

  const configure = (settings: object): void => {
    world.write(JSON.stringify({ maintenance: { checks: [], ...settings } }));
  };
  const run = (name: string, ...more: readonly string[]) => world.command([name, '--config', world.config, ...more]);
  const contents = (): object =>
    Object.fromEntries(
      readdirSync(world.folder, { withFileTypes: true, recursive: true })
        .filter((entry) => entry.isFile())
        .map(({ parentPath, name }) => [join(parentPath, name), readFileSync(join(parentPath, name), 'utf8')]),
    );
  const refused = (place: string): RegExp =>
    new RegExp(
      `^CRITICAL ${place}: There is a mistake in ${place} of maintenance\\.yaml, and so nothing was done; upkeep config check says what it is\\.\\nfailed after [0-9.]+ s\\n$`,
    );

  it('archive nothing, delete no archive, and say where, also in a dry run and in spite of options', async () => {
    mkdirSync(archive);
    writeFileSync(join(archive, 'logs-20200101T000000Z.tar.zst'), 'kept');
    const paths = [join(logs, '*.log')];
    for (const [settings, place] of [
      [{ destination: archive, paths, keep: '400 days' }, 'logs.archive'],
      [{ destination: archive, paths, kep: '400d' }, 'logs.archive.kep'],
    ] as const) {
      configure({ logs: { archive: settings } });
      const before = contents();
      for (const more of [[], ['--dry-run'], ['--days', '1', '--destination', archive]]) {
        const { code, stdout, stderr } = await run('archive-logs', ...more);
        assert.deepEqual([code, refused(place).test(stdout)], [1, true], stdout + stderr);
        assert.match(stderr, /maintenance\.yaml:1:\d+: error: .*logs\.archive/);
      }
      assert.deepEqual(contents(), before);
    }
  });

  it('rotate nothing when a state file is not what was meant, and the other logs when one entry is wrong', async () => {
    const rotate = [{ paths: [join(logs, 'a.log')] }, { paths: [join(logs, 'b.log')], rotate: 'many' }];
    configure({ logs: { rotate: [rotate[0]], state: ['here'] } });
    const before = contents();
    for (const more of [['--force'], ['--force', '--dry-run']]) {
      const { code, stdout } = await run('rotate-logs', ...more);
      assert.deepEqual([code, refused('logs.state').test(stdout)], [1, true], stdout);
    }
    assert.deepEqual(contents(), before);

    configure({ logs: { rotate } });
    const { code, stdout } = await run('rotate-logs', '--force');
    assert.equal(code, 1, stdout);
    assert.match(stdout, /^CRITICAL logs\.rotate\[1\]: .*, and so it was left out; /);
    assert.deepEqual(readdirSync(logs).sort(), ['a.log', 'a.log.1', 'a.log.2.gz', 'b.log']);
    configure({ logs: { rotate: [rotate[1]] } });
    const none = await run('rotate-logs', '--force');
    assert.deepEqual([none.code, refused('logs\\.rotate\\[0\\]').test(none.stdout)], [1, true], none.stdout);
  });

  it('clean nothing by the limits of the default', async () => {
    configure({ logs: { journal: { max_size: 500 } } });
    const { code, stdout } = await run('clean-system-logs', '--dry-run');
    assert.deepEqual([code, refused('logs.journal').test(stdout)], [1, true], stdout);
  });

  it('look all the same when they only look, and are no success', async () => {
    configure({ thresholds: { disk_usage_percent: 'ninety' } });
    const { code, stdout } = await run('health-check', '--strict');
    assert.equal(code, 3, stdout);
    assert.match(stdout, /^WARNING {2}thresholds\.disk_usage_percent: .*, and so a default was used instead; /);
    assert.match(stdout, /\nwarning after /);
  });

  it('change nothing by an agent that has never seen a file that it can use, whenever it was started', async () => {
    world.write('maintenance: [\n');
    for (const start of ['first', 'again']) {
      const agent = await world.start();
      const requestId = randomUUID();
      const { run: started } = await agent.client.request('procedures.run', {
        ...{ procedure: 'backup-certificates', options: { destination: archive }, requestId },
      });
      const ended = await endOf(agent.client, started.id);
      const { findings } = await agent.client.request('runs.get', { runId: started.id });
      assert.deepEqual([ended.outcome, existsSync(archive)], ['failed', false], start);
      assert.match(findings[0]?.message ?? '', /mistake in certificates of maintenance\.yaml, and so nothing was done/);
      const { alerts } = await agent.client.request('snapshot', {});
      assert.ok(
        alerts.some(({ key }) => key === 'store:kept'),
        start,
      );
      await agent.stop();
    }
  });

  it('are run by an agent so too, which keeps its history meanwhile and raises an alert', async () => {
    configure({
      retention: { runs: { days: '3 years' } },
      logs: { archive: { destination: archive, paths: [join(logs, '*.log')], keep: '400 days' } },
      automated_tasks: [{ name: 'archive', procedure: 'archive-logs', options: { days: 1 } }],
    });
    const before = readdirSync(logs);
    const { client } = await world.start();
    const { alerts } = await client.request('snapshot', {});
    assert.deepEqual(
      alerts.map(({ key, level }) => [key, level]),
      [['store:kept', 'warning']],
    );
    assert.match(alerts[0]?.message ?? '', /mistake in retention\.runs of maintenance\.yaml, .* is deleted/);
    const { run: started } = await client.request('tasks.run', { task: 'archive', requestId: randomUUID() });
    const ended = await endOf(client, started.id);
    assert.deepEqual([ended.outcome, ended.exitCode, readdirSync(logs)], ['failed', 1, before]);
    configure({});
    await client.request('config.reload', {});
    const after = await client.request('snapshot', {});
    assert.deepEqual(
      after.alerts.filter(({ key, state }) => key === 'store:kept' && state !== 'resolved'),
      [],
    );
  });
});

describe('a flag file and a folder of scripts with a mistake, in the first file that an agent sees', function () {
  this.timeout(120_000);
  let world: AgentWorld;
  beforeEach(() => {
    world = new AgentWorld();
  });
  afterEach(() => world.dispose());

  const configure = (settings: object): void => {
    world.write(JSON.stringify({ maintenance: { checks: [], ...settings } }));
  };

  for (const [mode, place] of [
    [{ flag_file: ['/var/www/maintenance.flag'] }, 'mode.flag_file'],
    [{ flagfile: '/var/www/maintenance.flag' }, 'mode.flagfile'],
    ['/var/www/maintenance.flag', 'mode'],
  ] as const) {
    it(`${place}: a window opens and says that maintenance mode is not on, and no flag is put elsewhere`, async () => {
      configure({ mode });
      const { client } = await world.start();
      const wanted = new RegExp(`for a mistake in ${place} of maintenance\\.yaml: windows do not switch the mode on`);
      const { alerts } = await client.request('snapshot', {});
      assert.deepEqual(
        alerts.map(({ key }) => key),
        ['mode:flag'],
      );
      assert.match(alerts[0]?.message ?? '', wanted);
      const { window } = await client.request('windows.open', { requestId: randomUUID(), reason: 'disks', minutes: 5 });
      assert.deepEqual([window.state, window.mode.on, window.mode.flagFile], ['active', false, null]);
      assert.match(window.mode.problem ?? '', wanted);
      const { window: ended } = await client.request('windows.end', { windowId: window.id });
      assert.deepEqual([ended.state, ended.mode.on], ['closed', false]);
      assert.deepEqual(
        readdirSync(world.folder, { recursive: true }).filter((name) => /flag|guard/.test(String(name))),
        [],
      );
      configure({ mode: { flag_file: join(world.folder, 'maintenance.flag') } });
      await client.request('config.reload', {});
      const opened = await client.request('windows.open', { requestId: randomUUID(), reason: 'disks', minutes: 5 });
      assert.equal(opened.window.mode.on, true);
      await client.request('windows.end', { windowId: opened.window.id });
      assert.deepEqual((await client.request('snapshot', {})).alerts, []);
    });
  }

  it('scripts.directory: no script of the same name elsewhere is run in the place of the one that was meant', async () => {
    const other = world.script('clean.sh', 'touch wrong');
    configure({
      scripts: { directory: ['/opt/maintenance'] },
      automated_tasks: [
        { name: 'clean', script: 'clean.sh' },
        { name: 'certificates', script: 'check-certificates.sh' },
        { name: 'absolute', script: other },
      ],
    });
    const { client } = await world.start();
    const { tasks } = await client.request('snapshot', {});
    const why = 'the `scripts.directory` of the file is refused, so nobody knows which script this is: correct it';
    assert.deepEqual(
      tasks.map(({ name, problem }) => [name, problem]),
      [
        ['absolute', null],
        ['clean', why],
        ['certificates', why],
      ],
    );
    await assert.rejects(client.request('tasks.run', { task: 'clean', requestId: randomUUID() }), /is refused/);
    assert.equal(existsSync(join(world.folder, 'wrong')), false);
    const { stdout } = await world.command(['config', 'check', world.config]);
    assert.match(stdout, /scripts\.directory.*; tasks whose script is no absolute path are refused/);
  });
});

describe('blackouts with a mistake, in the first file that an agent sees', function () {
  this.timeout(120_000);
  let world: AgentWorld;
  beforeEach(() => {
    world = new AgentWorld();
    world.script('note.sh', 'echo noted');
  });
  afterEach(() => world.dispose());

  const configure = (blackout: object): void => {
    const automated_tasks = [{ name: 'steps', script: 'note.sh', every: '1s' }];
    world.write(JSON.stringify({ maintenance: { checks: [], automated_tasks, blackouts: [blackout] } }));
  };
  const place = /mistake in blackouts\[0\] of maintenance\.yaml/;

  it('let nothing scheduled start until they are corrected; a person needs a reason, and everybody is told', async () => {
    configure({ name: 'month end', schedule: '0 25 * * *', duration: '2d' });
    const { client } = await world.start();
    const runOf = (outcome: string, trigger: string): Promise<RunChanged> =>
      nextEvent(
        client,
        (event): event is RunChanged =>
          event.type === 'run.changed' && event.data.run.outcome === outcome && event.data.run.trigger === trigger,
      );
    const skipped = await runOf('skipped', 'schedule');
    assert.match(skipped.data.run.outcomeReason ?? '', place);

    const { alerts, tasks, runs } = await client.request('snapshot', {});
    assert.deepEqual(
      alerts.map(({ key, level }) => [key, level]),
      [['schedule:blackouts', 'critical']],
    );
    assert.match(alerts[0]?.message ?? '', place);
    assert.deepEqual([tasks[0]?.nextRun, tasks[0]?.blackout?.until], [null, null]);
    assert.deepEqual([...new Set(runs.map(({ outcome }) => outcome))], ['skipped']);
    const socket = ['--socket', world.socket];
    const status = await world.command(['status', ...socket]);
    assert.match(status.stdout, /^schedules +running; but held back: .*mistake in blackouts\[0\] of/m);
    assert.match((await world.command(['tasks', ...socket])).stdout, /^steps +every 1s +held back /m);
    const doctor = await world.command(['doctor', '--config', world.config, '--state', world.state, ...socket]);
    assert.equal(doctor.code, 1);
    assert.match(doctor.stdout, /^critical config .*by this file no scheduled run starts$/m);
    assert.match(doctor.stdout, /^critical agent .*mistake in blackouts\[0\] of/m);

    const start = { task: 'steps', requestId: randomUUID() };
    await assert.rejects(client.request('tasks.run', start), /held back by a mistake .*: give a reason/);
    const { run } = await client.request('tasks.run', { ...start, reason: 'the disk is full' });
    assert.equal((await endOf(client, run.id)).outcome, 'changed');

    configure({ name: 'month end', schedule: '0 0 1 1 *', duration: '1h' });
    await client.request('config.reload', {});
    assert.equal((await runOf('changed', 'schedule')).data.run.task, 'steps');
    const after = await client.request('snapshot', {});
    assert.deepEqual([after.config.schedulesHeld, after.alerts.map(({ state }) => state)], [null, []]);
  });
});
