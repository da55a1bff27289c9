import assert from 'node:assert/strict';
import {
  approvalDetail,
  approvalProblem,
  approvalRequestText,
  approvalsFor,
  awaitsApproval,
} from '../../../extension/views/approvals.ts';
import { ago, makeHost, makeProcedure, makeRun, makeWaitingRun, now } from '../nouns.ts';

const place = { name: 'db-01', place: 'wss://db-01:7433' };
const plan = {
  command: ['/srv/drop.sh', '--keep', '3'],
  options: null,
  user: 'deploy',
  timeoutMs: 3_600_000,
  locks: ['db'],
};

describe('approvals', () => {
  it('are waited for only by queued runs that say so', () => {
    assert.equal(awaitsApproval(makeWaitingRun()), true);
    assert.equal(awaitsApproval(makeWaitingRun({ waitingFor: 'lock' })), false);
    assert.equal(awaitsApproval(makeRun()), false);
  });

  for (const [title, role, actor, problem] of [
    ['one of the roles', 'operator', 'alice', null],
    ['a role that does not approve', 'viewer', 'alice', /approved by the role operator or admin; yours is viewer/],
    ['a role that is not known', null, 'alice', /yours is not known/],
    ['the one who asked, where two are needed', 'admin', 'bob', /you asked for this run \(bob\), so two other people/],
    ['someone who has approved it', 'admin', 'carol', /you have approved this run already: another person must, too/],
  ] as const)
    it(`are judged as the agent does: ${title}`, () => {
      const found = approvalProblem(makeWaitingRun(), { role, actor });
      if (problem === null) assert.equal(found, null);
      else assert.match(found ?? '', problem);
    });

  it('may come from the one who asked where one is enough', () => {
    const { approval } = makeWaitingRun();
    const run = makeWaitingRun({ approval: { ...approval, required: 1, given: [] } });
    assert.equal(approvalProblem(run, { role: 'operator', actor: 'bob' }), null);
  });

  it('are listed over all connected hosts, oldest first', () => {
    const hosts = [
      makeHost({ runs: [makeWaitingRun()] }),
      makeHost({ runs: [makeWaitingRun({ id: 'older', queuedAt: ago(900_000) })] }, { name: 'db-02' }),
      makeHost({ runs: [makeWaitingRun()] }, { name: 'db-03', actor: 'bob' }),
    ];
    assert.deepEqual(
      approvalsFor(hosts).map(({ host, run }) => [host.name, run.id]),
      [
        ['db-02', 'older'],
        ['db-01', 'run-w'],
      ],
    );
  });

  it('are asked for in one sentence', () => {
    assert.equal(
      approvalRequestText('db-01', makeWaitingRun()),
      'db-01: bob asks to run drop_partitions (the disk fills up): it needs the approval of 1 person',
    );
    assert.match(
      approvalRequestText('db-01', makeWaitingRun({ trigger: 'schedule', actor: 'schedule', reason: null })),
      /^db-01: the schedule asks to run drop_partitions: /,
    );
  });

  it('are given after command, user, locks, asker, reason and how many people were shown', () => {
    const lines = approvalDetail(
      place,
      makeWaitingRun({ procedure: null }),
      { plan, impact: null, procedures: [] },
      now,
    ).split('\n');
    assert.deepEqual(lines.slice(0, 7), [
      'Command: /srv/drop.sh --keep 3',
      'As user: deploy',
      'Locks: db',
      'Stopped after: 1 h',
      'Host: db-01 (wss://db-01:7433)',
      'Asked for by: bob (manual), 2 min ago',
      'Reason: the disk fills up',
    ]);
    assert.equal(lines[7], 'Approvals: 1 of 2 (carol); from different people, operator or admin, other than bob');
    assert.match(lines[8] ?? '', /^Skipped if they do not come until: tomorrow \d\d:\d\d$/);
  });

  it('of a procedure show its title and options; what is not recorded is said to be so', () => {
    const run = makeWaitingRun({ procedure: 'rotate-logs', dryRun: true });
    const known = {
      ...plan,
      command: ['rotate-logs'],
      options: { force: true },
      user: null,
      locks: [],
      timeoutMs: null,
    };
    assert.match(
      approvalDetail(place, run, { plan: known, impact: 'Logs go.', procedures: [makeProcedure()] }, now),
      /^Procedure: Rotate Logs \(rotate-logs\): Rotate the configured logs\nOptions: Force: yes\nWhat it does: Logs go\.\nDry run: [^\n]+\nHost/,
    );
    assert.match(
      approvalDetail(place, run, { plan: null, impact: null, procedures: [] }, now),
      /^What it runs in detail is not recorded/,
    );
  });
});
