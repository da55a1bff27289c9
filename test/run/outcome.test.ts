import assert from 'node:assert/strict';
import { judge, type Ending } from '../../agent/run/outcome.ts';
import { startProblem } from '../../agent/run/startProblem.ts';

const well: Ending = {
  kind: 'script',
  code: 0,
  signal: null,
  stop: null,
  procedureOutcome: null,
  warnings: 0,
};
const cancel = { cause: 'cancelled', by: 'alice', killed: false } as const;

describe('the verdict on a run', () => {
  const table: readonly (readonly [title: string, ending: Partial<Ending>, outcome: string, reason: string | null])[] =
    [
      ['a script that ends with 0', {}, 'changed', null],
      ['a script with warnings', { warnings: 2 }, 'warning', null],
      ['an exit code', { code: 3 }, 'failed', 'exit code 3'],
      ['a missing command', { code: 127 }, 'failed', 'exit code 127: a command was not found'],
      ['a command that can not be executed', { code: 126 }, 'failed', 'exit code 126: a command could not be executed'],
      [
        'what the kernel kills for want of memory',
        { code: 137 },
        'failed',
        'exit code 137: killed by signal 9, as the kernel does when memory runs out',
      ],
      ['a signal that the shell tells', { code: 143 }, 'failed', 'exit code 143 (signal 15)'],
      ['an exit code that is no signal', { code: 255 }, 'failed', 'exit code 255'],
      ['a signal', { code: null, signal: 'SIGSEGV' }, 'failed', 'killed by SIGSEGV'],
      [
        'no exit status at all',
        { code: null },
        'lost',
        'its process is gone and left no exit status: look at the output before you run it again',
      ],
      [
        'an exit status that nobody can read',
        { code: null, unreadable: 'its folder /x can not be read (EIO)' },
        'lost',
        'its process is gone and its folder /x can not be read (EIO): look there before you run it again',
      ],
      [
        'a procedure without a result, though it ends with 0',
        { kind: 'procedure' },
        'failed',
        'the procedure ended without a result: look at its output',
      ],
      ['what a procedure says', { kind: 'procedure', procedureOutcome: 'unchanged' }, 'unchanged', null],
      [
        'a procedure that failed',
        { kind: 'procedure', procedureOutcome: 'failed', code: 1 },
        'failed',
        'see its findings',
      ],
      [
        'processes left in the background',
        { background: [1, 2, 3, 4, 5, 6] },
        'changed',
        'it left processes 1, 2, 3, 4, 5 and 1 more running in the background',
      ],
      [
        'a failure and what it left',
        { code: 1, background: [7] },
        'failed',
        'exit code 1; it left process 7 running in the background',
      ],
      ['a stop', { stop: cancel, code: 143 }, 'cancelled', 'stopped by alice'],
      [
        'a stop that somebody survives',
        { stop: { ...cancel, killed: true, left: [9] } },
        'cancelled',
        'stopped by alice, killed after the grace period, but process 9 could not be ended: look at it',
      ],
      [
        'a time-out after which nobody could look',
        { stop: { ...cancel, cause: 'timed-out', unseen: true } },
        'timed-out',
        'stopped at its time-out, but nobody could look whether its processes are gone: look at it',
      ],
    ];
  for (const [title, ending, outcome, reason] of table) {
    it(`is ${outcome} for ${title}`, () => {
      assert.deepEqual(judge({ ...well, ...ending }), { outcome, reason });
    });
  }

  it('names the cause of a start that failed, by errno, else by its message', () => {
    const errno = (code: string): Error => Object.assign(new Error(`spawn ${code}`), { code });
    for (const code of ['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM', 'E2BIG', 'ENOSPC', 'EACCES', 'EROFS'])
      assert.ok(startProblem(errno(code)).includes(`(${code})`));
    assert.equal(startProblem(errno('EODD')), 'spawn EODD');
    assert.equal(startProblem(new Error('odd')), 'odd');
    assert.equal(startProblem('text'), 'text');
  });
});
