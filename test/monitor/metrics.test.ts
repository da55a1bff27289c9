import assert from 'node:assert/strict';
import { createMetrics, type MetricsSource, type TaskMetrics } from '../../agent/monitor/metrics.ts';

describe('Prometheus metrics', () => {
  let tasks: TaskMetrics[];
  let alerts: { level: string; count: number }[];
  const source: MetricsSource = {
    tasks: () => tasks,
    openAlerts: () => alerts,
    activeWindows: () => 1,
    sessions: () => 2,
  };
  beforeEach(() => {
    tasks = [{ task: 'vacuum', lastRun: 1705312800, durationSeconds: 245, ok: true, lastSuccess: 1705312800 }];
    alerts = [{ level: 'critical', count: 3 }];
  });

  it("have the seed's names, labels and values", async () => {
    const { contentType, text } = await createMetrics('freeagentics_maintenance', source).read();
    assert.match(contentType, /^text\/plain; version=0\.0\.4/);
    for (const line of [
      'freeagentics_maintenance_last_run{task="vacuum"} 1705312800',
      'freeagentics_maintenance_duration_seconds{task="vacuum"} 245',
      'freeagentics_maintenance_status{task="vacuum"} 1',
      'freeagentics_maintenance_last_success_timestamp_seconds{task="vacuum"} 1705312800',
      'freeagentics_maintenance_open_alerts{level="critical"} 3',
      'freeagentics_maintenance_active_windows 1',
      'freeagentics_maintenance_sessions 2',
    ]) {
      assert.ok(text.split('\n').includes(line), `${line}\nis not in\n${text}`);
    }
  });

  it('are read anew at each scrape, without what is gone', async () => {
    const metrics = createMetrics('upkeep_maintenance', source);
    await metrics.read();
    tasks = [{ task: 'rotate-logs', lastRun: 1, durationSeconds: 2, ok: false, lastSuccess: null }];
    alerts = [];
    const { text } = await metrics.read();
    assert.ok(!text.includes('vacuum'));
    assert.ok(text.includes('upkeep_maintenance_status{task="rotate-logs"} 0\n'));
    assert.ok(!text.includes('upkeep_maintenance_last_success_timestamp_seconds{'));
    assert.ok(!text.includes('upkeep_maintenance_open_alerts{'));
  });

  it('say nothing of a task that never ran', async () => {
    tasks = [{ task: 'new', lastRun: null, durationSeconds: null, ok: null, lastSuccess: null }];
    const { text } = await createMetrics('upkeep_maintenance', source).read();
    assert.ok(!text.includes('"new"'));
  });

  it('keep hostile task names inside their label', async () => {
    tasks = [{ task: 'a"} 1\nfake{x="\\', lastRun: 1, durationSeconds: 1, ok: true, lastSuccess: 1 }];
    const { text } = await createMetrics('upkeep_maintenance', source).read();
    assert.ok(text.includes('upkeep_maintenance_status{task="a\\"} 1\\nfake{x=\\"\\\\"} 1\n'));
  });

  it('tell memory, CPU time and start of the process', async () => {
    const { text } = await createMetrics('upkeep_maintenance', source).read();
    const value = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
    assert.ok(value('process_resident_memory_bytes') > 1e6);
    assert.ok(value('process_cpu_seconds_total') > 0);
    assert.ok(value('process_start_time_seconds') > 1.7e9);
  });
});
