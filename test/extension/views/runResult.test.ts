import assert from 'node:assert/strict';
import { resultText } from '../../../extension/views/runResult.ts';
import { makeFinding, makeRun } from '../nouns.ts';

describe('what came of a procedure', () => {
  const title = 'Renew Certificate';
  const say = (run: Parameters<typeof makeRun>[0], ...findings: ReturnType<typeof makeFinding>[]) =>
    resultText('db-01', title, makeRun({ kind: 'procedure', ...run }), findings);

  it('is told by the worst that it found, and how much more there is', () => {
    const findings = [
      makeFinding({ level: 'ok' }),
      makeFinding({ level: 'warning', message: 'It expires soon.' }),
      makeFinding({ level: 'critical', message: 'certbot was not found; install it.' }),
    ];
    const text = 'Renew Certificate on db-01: certbot was not found; install it. (and 1 more finding)';
    assert.equal(say({ outcome: 'failed' }, ...findings), text);
  });

  for (const [run, text] of [
    [{ outcome: 'changed' }, 'Renew Certificate on db-01: succeeded after 4.2 s.'],
    [
      { outcome: 'unchanged', dryRun: true },
      'Dry run of Renew Certificate on db-01: ended after 4.2 s; nothing was changed.',
    ],
    [
      { outcome: 'failed', outcomeReason: 'exit code 2' },
      'Renew Certificate on db-01: failed after 4.2 s: exit code 2',
    ],
    [
      { outcome: 'cancelled', outcomeReason: 'stopped by bob' },
      'Renew Certificate on db-01: cancelled after 4.2 s: stopped by bob',
    ],
    [{ outcome: 'unchanged' }, null],
    [
      { outcome: 'unchanged', procedure: 'analyze-logs' },
      'Renew Certificate on db-01: ended after 4.2 s; its report is there.',
    ],
  ] as const)
    it(`of ${run.outcome}${'dryRun' in run ? ', dry,' : ''} is ${text === null ? 'left to the output' : `"${text}"`}`, () => {
      assert.equal(say(run), text);
    });
});
