/** Reports of runs as clients read them. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentClient } from '../../agent/cli/client.ts';
import type { Run } from '../../agent/protocol/nouns.ts';
import { AgentWorld, endOf } from './agentProcess.ts';

describe('the report of a run', function () {
  this.timeout(60_000);
  let world: AgentWorld;
  let client: AgentClient;
  beforeEach(async () => {
    world = new AgentWorld();
    writeFileSync(
      join(world.folder, 'app.log'),
      '2026-01-02T03:04:05Z ERROR payment of order 7 was refused\n'.repeat(3),
    );
    world.write('maintenance:\n  logs: { analyze: { files: [app.log] } }\n  automated_tasks: []\n');
    ({ client } = await world.start());
  });
  afterEach(async () => {
    await world.dispose();
  });

  const analyze = async (options: Record<string, unknown> = {}): Promise<Run> => {
    const asked = { procedure: 'analyze-logs', options, requestId: randomUUID() };
    return endOf(client, (await client.request('procedures.run', asked)).run.id);
  };
  const reportOf = ({ id }: Run) => client.request('runs.report', { runId: id });
  const resultsOf = ({ id }: Run): string => {
    const runs = join(world.state, 'runs');
    const day = readdirSync(runs).find((name) => existsSync(join(runs, name, id)));
    return join(runs, day ?? '', id, 'results.ndjson');
  };

  it('comes whole, as Markdown or JSON, as it lies in the folder of the agent', async () => {
    const { name, format, text } = await reportOf(await analyze());
    assert.match(name, /^error-.*\.md$/);
    assert.equal(format, 'markdown');
    assert.match(text, /^# Errors in logs\n[^]*payment of order/);
    assert.equal(text, readFileSync(join(world.state, 'memory', 'analyze-logs', 'reports', name), 'utf8'));
    const json = await reportOf(await analyze({ format: 'json' }));
    assert.equal(json.format, 'json');
    assert.doesNotThrow(() => JSON.parse(json.text) as unknown);
  });

  it('is said to be elsewhere, gone or never written where it is', async () => {
    const elsewhere = join(world.folder, 'mine.md');
    await assert.rejects(reportOf(await analyze({ output: elsewhere })), {
      message: `The report of this run is ${elsewhere} on the host: look at it there.`,
    });
    const run = await analyze();
    rmSync(join(world.state, 'memory', 'analyze-logs', 'reports'), { recursive: true });
    await assert.rejects(reportOf(run), { message: /is not there any more/ });
    const asked = { procedure: 'check-certificates', options: {}, requestId: randomUUID() };
    const other = await endOf(client, (await client.request('procedures.run', asked)).run.id);
    await assert.rejects(reportOf(other), { message: /has written no report/ });
  });

  it('is no other file of the host, whatever the results say and whatever lies in its place', async () => {
    const run = await analyze();
    const { name } = await reportOf(run);
    const reports = join(world.state, 'memory', 'analyze-logs', 'reports');
    writeFileSync(join(world.folder, 'secret.md'), 'a secret');
    const say = (reportFile: string): void => {
      appendFileSync(
        resultsOf(run),
        `${JSON.stringify({ type: 'result', outcome: 'unchanged', part: { reportFile } })}\n`,
      );
    };
    for (const file of [join(world.folder, 'secret.md'), `${reports}/../../../../secret.md`, '/etc/passwd', '']) {
      say(file);
      await assert.rejects(reportOf(run), { message: /look at it there|no report/ }, file);
    }
    say(join(reports, name));
    rmSync(join(reports, name));
    symlinkSync(join(world.folder, 'secret.md'), join(reports, name));
    await assert.rejects(reportOf(run), { message: /is not there any more/ });
  });
});
