import assert from 'node:assert/strict';
import { runbooksModel, type WorkspaceRunbook } from '../../../extension/views/runbooksModel.ts';
import { makeHost, makeRunbook } from '../nouns.ts';
import { outline } from '../outline.ts';

const own: WorkspaceRunbook = {
  uri: 'file:///srv/site/runbooks/vacuum.md',
  file: '/srv/site/runbooks/vacuum.md',
  path: 'runbooks/vacuum.md',
  title: 'Vacuum',
  sha256: 'ab'.repeat(32),
  checklist: { checked: 0, total: 0 },
  blocks: [
    { line: 5, heading: 'Before', firstLine: 'uptime', runnable: true },
    { line: 9, heading: null, firstLine: 'vacuumdb', runnable: true },
    { line: 14, heading: 'Notes', firstLine: 'select 1', runnable: false },
  ],
};

describe('runbooksModel', () => {
  it('shows runbooks of the workspace with their runnable blocks', () => {
    assert.deepEqual(outline(runbooksModel([makeHost()], [own])), [
      'book (none) Vacuum | 2 blocks · runbooks/vacuum.md',
      '  terminal (none) Before | uptime',
      '  terminal (none) vacuumdb | line 9',
    ]);
  });

  it('shows those of hosts apart', () => {
    const lines = outline(runbooksModel([makeHost({ runbooks: [makeRunbook()] })], [own]));
    assert.equal(lines[0], 'folder-library (none) Workspace | 1 runbook');
    assert.deepEqual(lines.slice(4), [
      'vm (none) db-01 | 1 runbook',
      '  book (none) Database maintenance by hand | 3 blocks · 1 of 4 done · /etc/upkeep/runbooks/database.md',
    ]);
  });

  it('shows a text that workspace and host both have once, and where else it is', () => {
    const host = makeHost({ runbooks: [makeRunbook({ sha256: own.sha256 })] });
    assert.deepEqual(
      runbooksModel([host], [own]).map((node) => [node.label, node.description]),
      [['Vacuum', '2 blocks · runbooks/vacuum.md · also on db-01']],
    );
  });

  it('shows a file that workspace and local agent both know once', () => {
    const host = makeHost({ runbooks: [makeRunbook({ path: own.file })] }, { url: 'local' });
    assert.equal(outline(runbooksModel([host], [own])).length, 3);
  });
});
