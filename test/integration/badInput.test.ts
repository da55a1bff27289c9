import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentClient } from '../../agent/cli/client.ts';
import type { Finding, Run } from '../../agent/protocol/nouns.ts';
import { AgentWorld, endOf } from './agentProcess.ts';
import { FakeTime } from './fakeTime.ts';

const seed = readFileSync(join(import.meta.dirname, '..', 'config', 'seedMaintenance.yaml'), 'utf8');

describe('bad input', function () {
  this.timeout(60_000);
  let world: AgentWorld;
  beforeEach(() => {
    world = new AgentWorld();
  });
  afterEach(async () => {
    await world.dispose();
  });

  async function runTask(client: AgentClient, task: string): Promise<{ run: Run; findings: Finding[] }> {
    const { run } = await client.request('tasks.run', { task, requestId: randomUUID() });
    await endOf(client, run.id);
    return client.request('runs.get', { runId: run.id });
  }

  it('refuses what is wrong by line, and the other tasks go on', async () => {
    world.script('good.sh', 'echo fine');
    const yaml = [
      'maintenance:',
      '  automated_tasks:',
      '    - name: good',
      '      script: good.sh',
      '    - name: typo',
      '      scirpt: good.sh',
      '    - name: badcron',
      '      schedule: "0 25 * * *"',
      '      script: good.sh',
      '    - name: unset',
      '      script: good.sh',
      '      args: ["${NOT_SET_ANYWHERE}"]',
      '    - name: missing',
      '      script: not-there.sh',
      '  certificates:',
      '    paths: [nowhere/*.pem]',
      '  notifications:',
      '    slack_webhook: ${SLACK_WEBHOOK}',
      '',
    ].join('\n');
    world.write(yaml);
    const { client } = await world.start();
    const { config, tasks } = await client.request('snapshot', {});
    const errors = config.diagnostics.filter(({ severity }) => severity === 'error');
    const byTask = new Map(errors.map(({ task, line, message }) => [task, { line, message }]));
    assert.equal(byTask.get('typo')?.line, 6);
    assert.match(byTask.get('typo')?.message ?? '', /scirpt.*script/s);
    assert.equal(byTask.get('badcron')?.line, 8);
    assert.match(byTask.get('badcron')?.message ?? '', /Hour "25" is outside 0-23/);
    assert.equal(byTask.get('unset')?.line, 12);
    assert.match(byTask.get('unset')?.message ?? '', /NOT_SET_ANYWHERE/);
    assert.equal(byTask.get('missing')?.line, 14);
    assert.match(byTask.get('missing')?.message ?? '', /not-there\.sh/);
    const warnings = config.diagnostics.filter(({ severity }) => severity === 'warning').map(({ line }) => line);
    assert.deepEqual([...new Set(warnings)].sort(), [16, 18]);
    assert.deepEqual(
      tasks.map(({ name, problem }) => [name, problem === null]),
      [
        ['good', true],
        ['typo', false],
        ['badcron', false],
        ['unset', false],
        ['missing', false],
      ],
    );
    assert.equal((await runTask(client, 'good')).run.outcome, 'changed');
    await assert.rejects(
      client.request('tasks.run', { task: 'missing', requestId: randomUUID() }),
      /"missing" is refused: .*not-there\.sh.*line 1[34]/s,
    );
    const checked = await world.command(['config', 'check', world.config]);
    assert.equal(checked.code, 2);
    assert.match(checked.stdout + checked.stderr, /maintenance\.yaml:8:\d+: error/);
  });

  it('starts without tasks when the file can not be read as YAML, and says where', async () => {
    world.write('maintenance:\n  automated_tasks:\n    - name: "open\n');
    const { client } = await world.start();
    const { config, tasks } = await client.request('snapshot', {});
    assert.deepEqual(tasks, []);
    assert.equal(config.stale, true);
    assert.ok(config.diagnostics.some(({ severity, line }) => severity === 'error' && line >= 3));
  });

  it("takes the seed's own example, and each of its tasks says what it lacks", async () => {
    world.write(`${seed}
  databases:
    - { name: shop, url: "postgres://nobody@127.0.0.1:1/shop" }
  certificates:
    paths: [nowhere.pem]
  logs:
    rotate: [{ paths: ["${world.folder}/*.log"] }]
`);
    // No time of its schedules is near.
    const noon = new FakeTime(world.folder, '2026-03-10T12:00:00Z');
    const { client } = await world.start(['--listen', 'none'], noon.environment);
    const { tasks } = await client.request('snapshot', {});
    assert.deepEqual(
      tasks.map(({ name, schedule, target, problem }) => ({ name, schedule, target, problem })),
      [
        { name: 'daily_vacuum', schedule: '0 3 * * *', target: 'database-daily-maintenance', problem: null },
        { name: 'log_rotation', schedule: '0 0 * * *', target: 'rotate-logs', problem: null },
        { name: 'certificate_check', schedule: '0 2 * * *', target: 'check-certificates', problem: null },
      ],
    );
    const vacuum = await runTask(client, 'daily_vacuum');
    assert.equal(vacuum.run.outcome, 'failed');
    const connection = vacuum.findings.find(({ code }) => code === 'database.connection');
    assert.match(connection?.message ?? '', /127\.0\.0\.1.*port 1|127\.0\.0\.1:1/);
    const certificates = await runTask(client, 'certificate_check');
    assert.match(certificates.findings.map(({ message, subject }) => `${subject} ${message}`).join(), /nowhere\.pem/);
    assert.notEqual(certificates.run.outcome, 'unchanged');
    const rotation = await runTask(client, 'log_rotation');
    assert.equal(rotation.run.outcome, 'unchanged');
    const { alerts } = await client.request('snapshot', {});
    assert.ok(alerts.some(({ key }) => key === 'task:daily_vacuum'));
  });
});
