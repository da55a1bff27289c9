import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Finding } from '../../../agent/protocol/nouns.ts';
import { check, httpServer, silentServer } from './harness.ts';

const relaxed = { disk_usage_percent: 100, memory_usage_percent: 100, cpu_usage_percent: 100 };
const of = (findings: readonly Finding[], code: string, subject?: string) =>
  findings.filter((finding) => finding.code === code && (subject === undefined || finding.subject === subject));

describe('health-check', () => {
  it('reports every resource with value, threshold and unit, also when it is fine', async () => {
    const { findings, resources } = await check({ thresholds: { ...relaxed, disk_usage_percent: 99 } });
    for (const [code, threshold] of [
      ['disk.usage', 99],
      ['memory.usage', 100],
      ['cpu.usage', 100],
    ] as const) {
      const found = of(findings, code);
      assert.ok(found.length > 0, code);
      for (const finding of found) {
        assert.equal(finding.threshold, threshold);
        assert.equal(finding.unit, '%');
        assert.ok(finding.value !== undefined && finding.value >= 0 && finding.value <= 100);
      }
    }
    assert.ok(resources.disks.some(({ mount }) => mount === '/'));
    assert.ok((resources.memory?.totalBytes ?? 0) > 0);
    assert.ok((resources.cpu?.cores ?? 0) > 0);
  });

  it('warns from the threshold on, for a disk with the remedy', async () => {
    const { outcome, findings } = await check({
      thresholds: { disk_usage_percent: 0, memory_usage_percent: 0, cpu_usage_percent: 0 },
    });
    assert.equal(outcome, 'warning');
    const disk = of(findings, 'disk.usage', '/')[0];
    assert.ok(disk?.level === 'warning' || disk?.level === 'critical');
    assert.deepEqual(disk.remedy, { procedure: 'rotate-logs', options: { force: true }, title: 'Rotate all logs now' });
    assert.equal(of(findings, 'memory.usage')[0]?.level, 'warning');
    assert.equal(of(findings, 'cpu.usage')[0]?.level, 'warning');
  });

  it('leaves out the mounts that the configuration excludes', async () => {
    const { findings, resources } = await check({ thresholds: relaxed, health: { exclude_mounts: ['/'] } });
    assert.deepEqual(of(findings, 'disk.usage', '/'), []);
    assert.ok(!resources.disks.some(({ mount }) => mount === '/'));
  });

  it('asks every service at once, and one that hangs or is down spoils no other', async () => {
    await using good = await httpServer((_, response) => response.end('all is well'));
    await using silent = await silentServer();
    const process_ = spawn('sleep', ['60'], { stdio: 'ignore' });
    await once(process_, 'spawn');
    try {
      const { outcome, findings, resources } = await check({
        thresholds: relaxed,
        health: {
          services: [
            { name: 'good', http: `http://127.0.0.1:${good.port}/?token=secret`, body: 'well' },
            { name: 'hangs', http: `http://127.0.0.1:${silent.port}/`, timeout: '300ms' },
            { name: 'wrong status', http: `http://127.0.0.1:${good.port}/`, status: 204 },
            { name: 'wrong body', http: `http://127.0.0.1:${good.port}/`, body: 'not there' },
            { name: 'refused', http: 'http://127.0.0.1:1/' },
            { name: 'port', tcp: `127.0.0.1:${silent.port}` },
            { name: 'no port', tcp: '127.0.0.1:1' },
            { name: 'process', process: 'sleep' },
            { name: 'no process', process: 'upkeep-no-such-process' },
            { name: 'nothing' },
          ],
        },
      });
      assert.equal(outcome, 'warning');
      const seen = Object.fromEntries(
        of(findings, 'service.availability').map(({ subject, level }) => [subject, level]),
      );
      assert.deepEqual(seen, {
        good: 'ok',
        hangs: 'critical',
        'wrong status': 'critical',
        'wrong body': 'critical',
        refused: 'critical',
        port: 'ok',
        'no port': 'critical',
        process: 'ok',
        'no process': 'critical',
        nothing: 'warning',
      });
      assert.match(of(findings, 'service.availability', 'hangs')[0]?.message ?? '', /no answer within 0\.3 s/);
      assert.match(of(findings, 'service.availability', 'wrong status')[0]?.message ?? '', /status 200 instead of 204/);
      assert.match(of(findings, 'service.availability', 'refused')[0]?.message ?? '', /nothing listens there/);
      assert.equal(resources.services.length, 10);
      assert.ok(!JSON.stringify(findings).includes('secret'), 'a query may hold a token');
    } finally {
      process_.kill('SIGKILL');
      await once(process_, 'exit');
    }
  });

  it('warns of a service that is slower than its limit', async () => {
    await using slow = await httpServer((_, response) => setTimeout(() => response.end('late'), 30));
    const services = [{ name: 'slow', http: `http://127.0.0.1:${slow.port}/`, max_latency: '5ms' }];
    const { findings } = await check({ thresholds: relaxed, health: { services } });
    const latency = of(findings, 'service.latency', 'slow')[0];
    assert.equal(latency?.level, 'warning');
    assert.deepEqual([latency.threshold, latency.unit], [5, 'ms']);
    assert.equal(of(findings, 'service.availability', 'slow')[0]?.level, 'ok');
  });

  it('does not follow a redirect, and reads no endless answer', async () => {
    await using server = await httpServer((request, response) => {
      if (request.url === '/moved') response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end();
      else {
        const more = () => {
          while (!response.destroyed && response.write('x'.repeat(65_536)));
        };
        response.on('drain', more);
        more();
      }
    });
    const url = `http://127.0.0.1:${server.port}`;
    const services = [
      { name: 'moved', http: `${url}/moved`, status: 302 },
      { name: 'endless', http: `${url}/endless`, body: 'x' },
    ];
    const { findings } = await check({ thresholds: relaxed, health: { services } });
    assert.deepEqual(
      of(findings, 'service.availability').map(({ level }) => level),
      ['ok', 'ok'],
    );
  });

  it('takes names of services, units and processes as data (V13)', async () => {
    const odd = ['--help', '; touch pwned', '$(touch pwned)', 'a\nb'];
    const services = odd.map((name) => ({ name, process: name, unit: name }));
    const { findings } = await check({ thresholds: relaxed, health: { services } });
    assert.equal(of(findings, 'service.availability').length, odd.length);
    assert.ok(of(findings, 'service.availability').every(({ level }) => level === 'critical'));
  });

  it('adds clock, units, reboot and inodes with full', async () => {
    const { findings } = await check({ thresholds: relaxed, full: true });
    for (const code of ['clock.sync', 'system.units', 'system.reboot'])
      assert.equal(of(findings, code).length, 1, code);
    assert.ok(of(findings, 'disk.inodes').length > 0);
  });

  it('looks at certificates and says so where a mistake left it none to look at', async () => {
    const leftOut = [['certificates', 'paths']];
    const { findings } = await check({ thresholds: relaxed, full: true, leftOut });
    const [mistake, ...more] = of(findings, 'config.mistake');
    assert.deepEqual([mistake?.level, mistake?.subject, more], ['warning', 'certificates.paths', []]);
    assert.ok(findings.some(({ code }) => code.startsWith('certificate')));
    assert.deepEqual(of((await check({ thresholds: relaxed, leftOut })).findings, 'config.mistake'), []);
  });

  it('stops when it is told to', async () => {
    await assert.rejects(check({ signal: AbortSignal.abort(new Error('stopped by a test')) }), /stopped by a test/);
  });
});
