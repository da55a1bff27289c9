import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { lockFindings, lockTrees, treeLines, type Involved } from '../../../agent/procedures/database/lockTree.ts';

function session(pid: number, blockers: readonly number[], waited: number | null = 5): Involved {
  const waits = blockers.length > 0;
  return {
    pid,
    user: 'app',
    application: '',
    state: waits ? 'active' : 'idle in transaction',
    transaction: 10,
    since: 9,
    blockers,
    waited: waits ? waited : null,
    wants: waits ? 'ShareLock on public.t' : null,
  };
}

describe('the tree of lock waits', () => {
  it('puts each session below the one that it waits for', () => {
    const trees = lockTrees([session(1, []), session(2, [1]), session(3, [2]), session(4, [1, 2])]);
    assert.deepEqual(
      trees.flatMap((tree) => treeLines(tree)).map((line) => /^( *)pid (\d)/.exec(line)?.slice(1)),
      [
        ['', '1'],
        ['  ', '2'],
        ['    ', '3'],
        ['  ', '4'],
      ],
    );
    const [finding] = lockFindings('shop', trees, 1);
    assert.deepEqual(
      [finding?.level, finding?.value, finding?.remedy?.options],
      ['warning', 5, { database: 'shop', terminate: 1 }],
    );
    assert.match(finding?.message ?? '', /keeps 3 sessions of shop waiting/);
  });

  it('shows a circle of waiting sessions once', () => {
    const trees = lockTrees([session(1, [2]), session(2, [1])]);
    assert.equal(trees.length, 1);
    assert.equal(trees[0]?.waiting[0]?.waiting.length, 0);
    assert.equal(lockFindings('shop', trees, 1).length, 1);
  });

  it('is critical after a minute, fine below the threshold, and unknown is no less than it', () => {
    const level = (waited: number | null) =>
      lockFindings('shop', lockTrees([session(1, []), session(2, [1], waited)]), 1)[0]?.level;
    assert.deepEqual([level(0.5), level(2), level(60), level(null)], ['ok', 'warning', 'critical', 'warning']);
  });

  it('offers to cancel a statement that runs, and nothing against a prepared transaction', () => {
    const active = { ...session(1, []), state: 'active' };
    const remedy = (root: Involved) => lockFindings('shop', lockTrees([root, session(2, [root.pid])]), 1)[0]?.remedy;
    assert.deepEqual(remedy(active)?.options, { database: 'shop', cancel: 1 });
    assert.equal(remedy(session(0, [])), undefined);
  });
});
