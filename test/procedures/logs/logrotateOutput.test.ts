import assert from 'node:assert/strict';
import { parseOutput } from '../../../agent/procedures/logs/logrotateOutput.ts';

const head = ['reading config file c.conf', 'Handling 1 logs', ''];
const pattern = 'rotating pattern: /v/*.log  forced from command line (3 rotations)';

function log(lines: readonly string[], path = '/v/a.log') {
  const report = parseOutput([...head, pattern, ...lines], 0).logs.get(path);
  assert.ok(report !== undefined);
  return report;
}

describe("logrotate's output", () => {
  it('tells logs that are due, not due, empty, missing and refused', () => {
    const { logs } = parseOutput([
      ...head,
      pattern,
      'considering log /v/due.log',
      '  log needs rotating',
      'considering log /v/young.log',
      '  log does not need rotating (log has already been rotated)',
      'considering log /v/empty.log',
      '  log does not need rotating (log is empty)',
      'considering log /v/missing.log',
      '  log /v/missing.log does not exist -- skipping',
      'considering log /v/link.log',
      '  log /v/link.log is symbolic link. Rotation of symbolic links is not allowed to avoid security issues -- skipping.',
      'considering log /v/gone.log',
      'error: stat of /v/gone.log failed: No such file or directory',
    ]);
    const decisions = [...logs.values()].map(({ path, decision }) => [path, decision]);
    assert.deepEqual(decisions, [
      ['/v/due.log', 'due'],
      ['/v/young.log', 'not_due'],
      ['/v/empty.log', 'empty'],
      ['/v/missing.log', 'missing'],
      ['/v/link.log', 'refused'],
      ['/v/gone.log', 'missing'],
    ]);
    assert.equal(logs.get('/v/gone.log')?.errors.length, 1);
  });

  it('follows immediate compression, renames, creation and removal', () => {
    const report = log([
      'considering log /v/a.log',
      '  log needs rotating',
      'rotating log /v/a.log, log->rotateCount is 3',
      'renaming /v/a.log.3.gz to /v/a.log.4.gz (rotatecount 3, logstart 1, i 3), ',
      'renaming /v/a.log to /v/a.log.1',
      'creating new /v/a.log mode = 0644 uid = 0 gid = 0',
      'compressing log with: /bin/gzip',
      'removing old log /v/a.log.4.gz',
    ]);
    assert.equal(report.target, '/v/a.log.1');
    assert.equal(report.keep, 3);
    assert.equal(report.compression, 'immediate');
    assert.equal(report.creates, true);
    assert.deepEqual([...report.removed], ['/v/a.log.4.gz']);
    assert.equal(report.renames.length, 2);
  });

  it('tells compression of the predecessor from compression of what was just rotated', () => {
    const report = log([
      'considering log /v/a.log',
      '  log needs rotating',
      'rotating log /v/a.log, log->rotateCount is 3',
      'compressing log with: /bin/gzip',
      'renaming /v/a.log to /v/a.log.1',
    ]);
    assert.equal(report.compression, 'delayed');
  });

  it('knows copytruncate', () => {
    const report = log([
      'considering log /v/a.log',
      '  log needs rotating',
      'rotating log /v/a.log, log->rotateCount is 3',
      'copying /v/a.log to /v/a.log.1',
      'truncating /v/a.log',
    ]);
    assert.equal(report.copies, true);
    assert.equal(report.target, '/v/a.log.1');
  });

  it('tells which scripts were begun, which it saw end, and for which logs', () => {
    const due = (path: string) => [`considering log ${path}`, '  log needs rotating'];
    const renamed = (path: string) => [
      `rotating log ${path}, log->rotateCount is 3`,
      `renaming ${path} to ${path}.1`,
      `creating new ${path} mode = 0640 uid = 33 gid = 4`,
    ];
    const of = (lines: readonly string[]) =>
      [...parseOutput([...head, pattern, ...due('/v/a.log'), ...due('/v/b.log'), ...lines], 0).logs.values()].map(
        ({ scripts }) => Object.fromEntries(scripts),
      );
    const shared = [...renamed('/v/a.log'), ...renamed('/v/b.log'), 'running postrotate script'];
    assert.deepEqual(of(shared.slice(0, -1)), [{}, {}]);
    assert.deepEqual(
      of([...shared, 'switching euid from 33 to 0 and egid from 4 to 0 (pid 7)', 'words of the script']),
      [{ postrotate: 'begun' }, { postrotate: 'begun' }],
    );
    const ended = { postrotate: 'ended', lastaction: 'begun' };
    assert.deepEqual(of([...shared, 'running last action script']), [ended, ended]);
    const each = [...renamed('/v/a.log'), 'running postrotate script', ...renamed('/v/b.log')];
    assert.deepEqual(of(each), [{ postrotate: 'ended' }, {}]);
    assert.deepEqual(of([...each, 'running postrotate script', 'compressing log with: /bin/gzip']), [
      { postrotate: 'ended' },
      { postrotate: 'ended' },
    ]);
    const report = log([...due('/v/a.log'), ...renamed('/v/a.log')]);
    assert.deepEqual(report.rights, { mode: 0o640, uid: 33, gid: 4 });
    assert.equal(report.pattern, '/v/*.log ');
  });

  it('knows as whom logrotate works', () => {
    const report = log([
      'switching euid from 0 to 33 and egid from 0 to 34 (pid 7)',
      'considering log /v/a.log',
      'switching euid from 33 to 0 and egid from 34 to 0 (pid 7)',
    ]);
    assert.deepEqual(report.user, { uid: 33, gid: 34 });
  });

  it('puts what the compressing program said to the log that it is about', () => {
    const report = log([
      'considering log /v/a.log',
      'error: Compressing program wrote following message to stderr when compressing log /v/a.log.1:',
      '',
      'gzip: stdout: No space left on device',
      'error: failed to compress log /v/a.log.1',
    ]);
    assert.deepEqual(report.errors, [
      'compressing log /v/a.log.1: gzip: stdout: No space left on device',
      'failed to compress log /v/a.log.1',
    ]);
  });

  it('keeps errors of the configuration, of a log and of a script apart', () => {
    const report = parseOutput([
      "error: c.conf:2 unknown option 'dailyy' -- ignoring line",
      ...head,
      pattern,
      'considering log /v/a.log',
      'error: failed to rename /v/a.log to /v/a.log.1: Permission denied',
      "error: error running shared postrotate script for '/v/*.log '",
    ]);
    assert.deepEqual(report.configErrors, ["c.conf:2 unknown option 'dailyy' -- ignoring line"]);
    assert.equal(report.logs.get('/v/a.log')?.errors.length, 1);
    assert.equal(report.errors.length, 1);
  });
});
