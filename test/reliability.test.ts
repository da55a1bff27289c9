import assert from 'node:assert/strict';
import { idsOf, missingCases, sumCases, tableOf } from './reliability.ts';

describe('the table of attacks and faults', () => {
  it('finds the ids of a title and of its suites, each once', () => {
    assert.deepEqual(idsOf('a damaged store (F28) F28: is made anew (V12, F30)'), ['F28', 'V12', 'F30']);
    assert.deepEqual(idsOf('UTF16 and SHAF0123 are none'), []);
  });

  it('adds up the steps, and shows what passed, failed, is missing and comes later', () => {
    const cases = sumCases([
      { F01: { passed: 1, failed: 0 } },
      { F01: { passed: 2, failed: 0 }, F40: { passed: 1, failed: 1 } },
    ]);
    const lines = tableOf(['faults'], cases);
    const line = (id: string): string => lines.find((one) => one.slice(2).startsWith(id)) ?? '';
    assert.match(line('F01'), /^✓ .* 3 {2}3 passed$/);
    assert.match(line('F40'), /^✗ .* 2 {2}1 passed, 1 failed$/);
    assert.match(line('F33'), /^· .* 0 {2}later$/);
    assert.match(line('F03'), /^✗ .* 0 {2}no test$/);
    assert.equal(lines.at(-1), '1 of 42 cases have tests and pass');
  });

  it('tells a case that is owed and has no test, and an id that is no case', () => {
    const missing = missingCases(['attacks'], { V99: { passed: 1, failed: 0 } });
    assert.ok(missing.some((line) => line.startsWith('V01 (cross-site WebSocket hijacking) has no passing test')));
    assert.ok(missing.includes('V99 is in the title of a test, and is no case'));
    assert.ok(!missing.some((line) => line.startsWith('V16')));
  });

  it('asks for no test of what this machine can not do', () => {
    const excused = new Set(['F03']);
    assert.ok(!missingCases(['faults'], {}, excused).some((line) => line.startsWith('F03')));
    assert.ok(tableOf(['faults'], {}, excused).some((line) => /^· F03 .*not possible on this machine$/.test(line)));
  });
});
