import assert from 'node:assert/strict';
import { chmod, chown, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { asUser } from '../../../agent/procedures/logs/asUser.ts';
import { createHarness, levels } from './harness.ts';
import type { Harness } from './harness.ts';

const nobody = { uid: 65_534, gid: 65_534 };

describe('work as another user', () => {
  it('is work as oneself when nobody else is named', async () => {
    assert.equal(await asUser(null, () => Promise.resolve(process.geteuid?.())), process.geteuid?.());
  });

  // Only root can become another user.
  if (process.geteuid?.() === 0) {
    let harness: Harness;
    beforeEach(async () => {
      harness = await createHarness();
      await chmod(path.dirname(harness.logs), 0o755);
      await harness.write('a.log', 'new\n');
      await harness.write('a.log.1', 'old\n');
      await writeFile(harness.file('a.log.1.gz'), gzipSync('old\n').subarray(0, 12));
    });
    afterEach(() => harness.remove());

    it('ends with the rights from before, also after a failure', async () => {
      await assert.rejects(
        asUser(nobody, () => Promise.reject(new Error(String(process.geteuid?.())))),
        /65534/,
      );
      assert.deepEqual([process.geteuid?.(), process.getegid?.()], [0, 0]);
    });

    it("repairs with the rights of logrotate's `su` (V21)", async () => {
      for (const name of ['', 'a.log', 'a.log.1', 'a.log.1.gz'])
        await chown(harness.file(name), nobody.uid, nobody.gid);
      const rotation = { rotate: [{ paths: ['a.log'], delaycompress: false, su: `${nobody.uid} ${nobody.gid}` }] };
      const run = await harness.rotate(rotation, { force: true });
      assert.equal(run.outcome, 'changed', JSON.stringify(run.findings));
      assert.deepEqual(await harness.contents(), ['new\n', 'old\n']);
      assert.equal((await stat(harness.file('a.log.2.gz'))).uid, nobody.uid);
    });

    it('touches nothing in a folder that everybody can write to, and tells that logrotate refuses it (V21)', async () => {
      await chmod(harness.logs, 0o777);
      const names = await harness.names();
      const run = await harness.rotate({ rotate: [{ paths: ['a.log'] }] }, { force: true });
      assert.equal(run.outcome, 'failed');
      assert.deepEqual(levels(run, 'logs.repair'), []);
      assert.match(run.findings.map(({ message }) => message).join(), /insecure permissions/);
      assert.deepEqual(await harness.names(), names);
    });
  }
});
