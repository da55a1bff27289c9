import assert from 'node:assert/strict';
import { withoutDuplicates, type ForeignProblem } from '../../extension/diagnostics.ts';

const ours = { line: 3, column: 7, severity: 'error' as const, code: 'unknown-key', task: 'a', message: 'scrpt?' };
function foreign(fields: Partial<ForeignProblem>): ForeignProblem {
  const range = { startLine: 2, startColumn: 6, endLine: 2, endColumn: 11 };
  return { source: 'yaml-schema: maintenance.yaml', ...range, ...fields };
}

describe('diagnostics of a configuration file', () => {
  it('of two agents that read it are shown once', () => {
    assert.deepEqual(withoutDuplicates([ours, { ...ours }, { ...ours, column: 9 }], []), [
      ours,
      { ...ours, column: 9 },
    ]);
  });

  for (const [title, other, shown] of [
    ['the schema, by another extension', {}, 0],
    ['the syntax, by another extension', { source: 'YAML' }, 0],
    ['a whole block that begins there', { endLine: 9, startColumn: 0 }, 0],
    ['another column', { startColumn: 20, endColumn: 25 }, 1],
    ['another line', { startLine: 3, endLine: 3 }, 1],
    ['style', { source: 'yamllint' }, 1],
    ['spelling', { source: 'cSpell' }, 1],
  ] as const)
    it(`are ${shown === 1 ? 'kept' : 'left to it'} beside one of ${title}`, () => {
      assert.equal(withoutDuplicates([ours], [foreign(other)]).length, shown);
    });
});
