import assert from 'node:assert/strict';
import { refusedVariable } from '../../agent/run/environmentNames.ts';

describe('environment of a task', () => {
  for (const name of [
    ...[
      'LD_PRELOAD',
      'LD_LIBRARY_PATH',
      'LD_AUDIT',
      'DYLD_INSERT_LIBRARIES',
      'GCONV_PATH',
      'NODE_OPTIONS',
      'NODE_PATH',
    ],
    ...['BASH_ENV', 'ENV', 'SHELLOPTS', 'PS4', 'IFS', 'BASH_FUNC_ls', 'PROMPT_COMMAND', 'GIT_SSH_COMMAND', 'GIT_SSH'],
    ...['GIT_CONFIG_COUNT', 'GIT_EXEC_PATH', 'PERL5OPT', 'PERL5LIB', 'PYTHONSTARTUP', 'PYTHONPATH', 'PYTHONHOME'],
    ...['RUBYOPT', 'JAVA_TOOL_OPTIONS', 'PAGER', 'LESSOPEN', 'EDITOR', 'UPKEEP_RUN_ID', 'UPKEEP_STATE', 'PSQLRC'],
  ]) {
    it(`V12: refuses ${name}`, () => {
      assert.match(refusedVariable(name, '/tmp/x') ?? '', /may not be set/);
    });
  }

  it('V12: refuses a PATH that is not absolute throughout', () => {
    for (const path of ['.', 'bin:/usr/bin', '/usr/bin:', '', '/usr/bin::/bin', './x', '~/bin']) {
      assert.match(refusedVariable('PATH', path) ?? '', /must be absolute/, path);
    }
    assert.equal(refusedVariable('PATH', '/opt/app/bin:/usr/bin'), null);
  });

  it('V12: refuses names that are none, and NUL in values', () => {
    for (const name of ['', 'A B', 'A=B', '1A', 'BASH_FUNC_x%%', 'A\nB', 'Ä', 'A\0B']) {
      assert.notEqual(refusedVariable(name, 'x'), null, name);
    }
    assert.match(refusedVariable('A', 'x\0y') ?? '', /NUL/);
  });

  it('takes what is a task of its own', () => {
    for (const name of [
      'DATABASE_URL',
      'BACKUP_DIR',
      'PGPASSWORD',
      'GIT_AUTHOR_NAME',
      'PYTHONUNBUFFERED',
      'LANG',
      '_X',
    ]) {
      assert.equal(refusedVariable(name, '/srv'), null, name);
    }
  });
});
