import assert from 'node:assert/strict';
import { blockName, parseRunPath, runPath } from '../../../extension/output/runPath.ts';

describe('addresses of runs', () => {
  it('name a block by its runbook and its place there', () => {
    assert.equal(blockName('Table bloat', 'Look', 0), 'Table bloat · Look');
    assert.equal(blockName('Greet', 'Greet', 0), 'Greet · block 1');
    assert.equal(blockName('runbooks/table-bloat.md', null, 1), 'table-bloat · block 2');
  });

  it('hold host and run whatever the name is', () => {
    const path = runPath('db/01', 'run-1', 'Größe · a/b?#c', 'log');
    assert.equal(path, '/db%2F01/run-1/Größe · a-b-c.log');
    assert.deepEqual(parseRunPath(path), { host: 'db/01', runId: 'run-1' });
  });
});
