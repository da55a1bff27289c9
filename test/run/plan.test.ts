import assert from 'node:assert/strict';
import { launch, type Launch } from '../../agent/run/directory.ts';
import { planOf } from '../../agent/run/plan.ts';
import { newRun } from '../../agent/run/request.ts';
import { defaultSettings } from '../../agent/run/settings.ts';
import { Seal } from '../../agent/secrets/seal.ts';
import { Secrets } from '../../agent/secrets/secrets.ts';

const none = new Secrets();

function launchOf(fields: Partial<Launch>): Launch {
  const run = newRun(
    {
      task: 'job',
      kind: 'task',
      procedure: null,
      trigger: 'manual',
      actor: 'alice',
      reason: null,
      dryRun: false,
      scheduledFor: null,
      windowId: null,
      requestId: null,
      timeoutMs: null,
      alertOn: 'nothing',
    },
    0,
  );
  return launch.parse({ run, command: ['/srv/job.sh'], deadline: null, alertOn: 'nothing', ...fields });
}

describe('the plan of a run', () => {
  it('is argv, user, time-out and locks of a script', () => {
    const settings = { ...defaultSettings, user: 'deploy', locks: ['db'] };
    assert.deepEqual(planOf(launchOf({ command: ['/srv/job.sh', '-v'], settings, timeoutMs: 5000 }), none), {
      command: ['/srv/job.sh', '-v'],
      options: null,
      user: 'deploy',
      timeoutMs: 5000,
      locks: ['db'],
    });
  });

  it('has the options of a procedure apart from its name', () => {
    const plan = planOf(launchOf({ self: true, command: ['rotate-logs', '--options-json', '{"force":true}'] }), none);
    assert.deepEqual([plan?.command, plan?.options], [['rotate-logs'], { force: true }]);
    const seal = new Seal(() => new Map([['TOKEN', 'planted-token']]));
    const options = seal.close({ key: 'planted-token' });
    const handed = planOf(launchOf({ self: true, command: ['p', '--options-env'], options }), none);
    assert.deepEqual([handed?.command, handed?.options], [['p'], { key: '${TOKEN}' }]);
  });

  it('holds no secret of the configuration, neither in arguments nor deep in options', () => {
    const options = JSON.stringify({ databases: [{ url: 'postgres://a:hunter22@db/x' }], days: 3 });
    const hidden = planOf(
      launchOf({ self: true, command: ['p', '--options-json', options] }),
      new Secrets(['hunter22', 'x']),
    );
    assert.deepEqual(hidden?.options, { databases: [{ url: 'postgres://a:********@db/x' }], days: 3 });
    assert.deepEqual(planOf(launchOf({ command: ['/job', '--key=hunter22'] }), new Secrets(['hunter22']))?.command, [
      '/job',
      '--key=********',
    ]);
  });

  it('shows the command as it stands where the options of an older agent are no JSON, or none', () => {
    for (const command of [
      ['p', '--options-json', '{"force":'],
      ['p', '--options-json', '[1]'],
      ['p', '--options-json'],
    ]) {
      const plan = planOf(launchOf({ self: true, command }), none);
      assert.deepEqual([plan?.command, plan?.options], [command, null]);
    }
  });

  it('is unknown without a record', () => {
    assert.equal(planOf(null, none), null);
  });
});
