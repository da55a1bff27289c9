import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { findUser } from '../../agent/run/osUser.ts';

describe('the OS user of a run', () => {
  it('is none where it is that of the agent', async () => {
    assert.equal(await findUser(userInfo().username), null);
  });

  it('is said to be unknown when it is', async () => {
    await assert.rejects(findUser('nobody-of-this-name'), /there is no OS user "nobody-of-this-name" on this host/);
    await assert.rejects(findUser('--help'), /there is no OS user "--help"/);
  });

  describe('with a directory of users that', () => {
    let folder: string;
    let path: string | undefined;
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'upkeep-getent-'));
      path = process.env['PATH'];
    });
    afterEach(() => {
      process.env['PATH'] = path;
      rmSync(folder, { recursive: true });
    });
    const getent = (...lines: string[]): void => {
      writeFileSync(join(folder, 'getent'), ['#!/bin/sh', ...lines, ''].join('\n'));
      chmodSync(join(folder, 'getent'), 0o755);
      process.env['PATH'] = folder;
    };

    it('fails: that is said, and not that there is no such user', async () => {
      getent('exit 3');
      await assert.rejects(findUser('deploy'), /"deploy" can not be looked up with getent \(3\)/);
      rmSync(join(folder, 'getent'));
      await assert.rejects(findUser('deploy'), /"deploy" can not be looked up with getent \(ENOENT\)/);
    });

    it('gives another name, or nothing: there is no such user', async () => {
      getent('echo other:x:1:1::/:/bin/sh');
      await assert.rejects(findUser('deploy'), /there is no OS user "deploy"/);
      getent('echo deploy');
      await assert.rejects(findUser('deploy'), /there is no OS user "deploy"/);
      getent('exit 0');
      await assert.rejects(findUser('deploy'), /there is no OS user "deploy"/);
    });

    if (process.geteuid?.() === 0) {
      it('leaves out home and shell: they are those of nobody in particular', async () => {
        getent('echo deploy:x:1234:1235');
        assert.deepEqual(await findUser('deploy'), {
          name: 'deploy',
          uid: 1234,
          gid: 1235,
          home: '/',
          shell: '/bin/sh',
        });
      });
    }
  });
});
