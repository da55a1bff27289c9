import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { adviceFor, serviceOf } from '../../../agent/procedures/logs/writerAdvice.ts';
import { findProgram } from '../../systemPackages.ts';
import { listening, untilWorkers } from '../certificates/nginx.ts';
import { freePort } from '../../sandbox/ports.ts';
import { createHarness, only } from './harness.ts';

describe('advice about a writer', () => {
  it('knows units and containers by the cgroup of a process', () => {
    assert.equal(serviceOf('0::/system.slice/nginx.service\n'), 'nginx.service');
    assert.equal(serviceOf('0::/user.slice/user-1000.slice/user@1000.service/app.slice/web.service\n'), 'web.service');
    assert.equal(serviceOf('0::/user.slice/user-1000.slice/user@1000.service/init.scope\n'), null);
    assert.equal(serviceOf(`0::/system.slice/docker-${'0123456789ab'.repeat(5)}abcd.scope\n`), 'docker 0123456789ab');
    assert.equal(serviceOf(`5:cpu:/docker/${'f'.repeat(64)}\n`), 'docker ffffffffffff');
    assert.equal(serviceOf(''), null);
  });

  const writer = (command: string, service: string | null) => [{ pid: 0, command, service }];

  it('gives the signal of programs that are known, by their service where they have one', () => {
    assert.match(adviceFor(writer('nginx', 'nginx.service')), /kill -USR1 0.*systemctl kill.*USR1 nginx\.service/);
    assert.match(adviceFor(writer('rsyslogd', null)), /kill -HUP 0/);
    assert.match(adviceFor(writer('nginx', 'docker ffffffffffff')), /docker kill -s USR1 ffffffffffff/);
    assert.match(adviceFor(writer('mariadbd', 'mariadb.service')), /mysqladmin flush-logs/);
  });

  it('names service or process of one that is not known, and copytruncate as the way out', () => {
    assert.match(adviceFor(writer('app', 'app.service')), /systemctl reload-or-restart app\.service.*copytruncate/);
    assert.match(adviceFor(writer('app', null)), /restart app, process 0.*copytruncate/);
  });

  it('is right for a real nginx: stuck without the signal, not any more with the one that was named', async () => {
    const harness = await createHarness();
    const root = path.dirname(harness.logs);
    await chmod(root, 0o755);
    const port = await freePort();
    const configuration = path.join(root, 'nginx.conf');
    await writeFile(
      configuration,
      `daemon off; worker_processes 2; pid ${root}/nginx.pid; error_log ${harness.file('error.log')};
       events {}
       http { access_log ${harness.file('access.log')}; server { listen 127.0.0.1:${port}; return 200 ok; } }`,
    );
    const nginx = spawn(findProgram('nginx') ?? 'nginx', ['-c', configuration], { stdio: 'ignore' });
    const exited = once(nginx, 'exit');
    try {
      await listening(port, nginx);
      await untilWorkers(nginx.pid ?? 0, 2);
      await answered(port);
      const stuck = await harness.rotate({ rotate: [{ paths: ['access.log'] }] }, { force: true });
      assert.equal(stuck.outcome, 'warning', JSON.stringify(stuck.findings));
      assert.equal(only(stuck.files).heldBy.length, 3, 'the master and two workers');
      const { message } = only(stuck.findings.filter(({ code }) => code === 'logs.writer'));
      const command = new RegExp(`\`(kill -USR1 ${nginx.pid ?? 0})\` now`).exec(message)?.[1];
      assert.ok(command !== undefined, message);
      await answered(port);
      assert.match(await readFile(harness.file('access.log.1'), 'utf8'), /"GET \/ /);
      execFileSync('sh', ['-c', command]);
      const settings = { rotate: [{ paths: ['access.log'], postrotate: command }] };
      for (;;) {
        await answered(port);
        if ((await harness.read('access.log')) !== '') break;
      }
      const told = await harness.rotate(settings, { force: true });
      assert.equal(told.outcome, 'changed', JSON.stringify(told.findings));
      assert.deepEqual(only(told.files).heldBy, []);
    } finally {
      nginx.kill('SIGTERM');
      await exited;
      await harness.remove();
    }
  }).timeout(60_000);
});

async function answered(port: number): Promise<void> {
  await (await fetch(`http://127.0.0.1:${port}/`)).text();
}
