import assert from 'node:assert/strict';
import { userInfo } from 'node:os';
import { findUser } from '../../agent/run/osUser.ts';

describe('the OS user of a run', () => {
  it('is none where it is that of the agent', async () => {
    assert.equal(await findUser(userInfo().username), null);
  });

  it('is said to be unknown when it is', async () => {
    await assert.rejects(findUser('nobody-of-this-name'), /there is no OS user "nobody-of-this-name" on this host/);
    await assert.rejects(findUser('--help'), /there is no OS user "--help"/);
  });
});
