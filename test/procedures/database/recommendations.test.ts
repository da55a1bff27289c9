import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import {
  analysisFile,
  readAnalysis,
  writeAnalysis,
  type Analysis,
} from '../../../agent/procedures/database/recommendations.ts';

const analysis: Analysis = {
  analysedAt: '2026-11-25T02:00:00.000Z',
  recommendations: [
    {
      id: 'setting.random_page_cost',
      database: 'shop',
      title: 'Cheaper random reads',
      reason: 'the disk has no moving parts',
      sql: `alter system set random_page_cost = '1.1'`,
      undo: 'alter system reset random_page_cost',
      restart: false,
      scope: 'server',
      setting: { name: 'random_page_cost', from: '4', to: '1.1' },
    },
  ],
};

describe('the recommendations that are kept', () => {
  let memory: string;
  before(async () => {
    memory = await mkdtemp(join(tmpdir(), 'upkeep-memory-'));
  });
  after(async () => {
    await rm(memory, { recursive: true, force: true });
  });

  it('are found by another procedure, whole, readable to their owner alone', async () => {
    const file = analysisFile(join(memory, 'performance-analysis'));
    await writeAnalysis(file, analysis);
    assert.deepEqual(await readAnalysis(analysisFile(join(memory, 'apply-optimizations'))), analysis);
    assert.deepEqual(await readdir(dirname(file)), ['recommendations.json']);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
  });

  it('are null before the first analysis', async () => {
    assert.equal(await readAnalysis(join(memory, 'none.json')), null);
  });

  it('are read from the JSON document of a run, too', async () => {
    const file = join(memory, 'run.json');
    await writeFile(file, JSON.stringify({ procedure: 'performance-analysis', findings: [], ...analysis }));
    assert.deepEqual(await readAnalysis(file), analysis);
  });

  it('are refused where the file is something else', async () => {
    for (const text of ['{', '{"recommendations":[{"id":"x"}]}', '[]']) {
      const file = join(memory, 'other.json');
      await writeFile(file, text);
      await assert.rejects(readAnalysis(file), /other\.json is no report of performance-analysis/);
    }
  });
});
