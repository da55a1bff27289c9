import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { environmentSecrets, Secrets } from '../../agent/secrets/secrets.ts';
import { withFolder } from '../config/harness.ts';

describe('the secrets of a process', () => {
  it('are only ever added: what a run was started with stays hidden after the configuration has another', () => {
    const secrets = new Secrets(['old-password']);
    secrets.learn(['new-password']);
    assert.equal(secrets.text('old-password new-password'), '************ ************');
  });

  it('are found again without a new search table when nothing new is learnt', () => {
    const secrets = new Secrets(['old-password']);
    const { masker } = secrets;
    secrets.learn(['old-password']);
    assert.equal(secrets.masker, masker);
  });

  it('are bounded: the oldest are let go', () => {
    const secrets = new Secrets(Array.from({ length: 600 }, (_, index) => `secret-number-${index}-`));
    assert.equal(secrets.text('secret-number-599-'), '*'.repeat(18));
    assert.equal(secrets.text('secret-number-0-'), 'secret-number-0-');
  });

  it('of an environment are known by name, in URLs, and as credentials of systemd', async () => {
    await withFolder(async (folder) => {
      await writeFile(join(folder, 'api'), 'from-systemd\n');
      await mkdir(join(folder, 'sub'));
      const found = environmentSecrets({
        PGPASSWORD: 'pg-pass',
        MY_API_KEY: 'key-1',
        DATABASE_URL: 'postgres://a:in%2Durl@db/a',
        TOKENS: 'no secret',
        HOME: '/root',
        EMPTY_PASSWORD: '',
        CREDENTIALS_DIRECTORY: folder,
      });
      assert.deepEqual(found, ['pg-pass', 'key-1', 'in%2Durl', 'in-url', 'from-systemd']);
      assert.deepEqual(environmentSecrets({ CREDENTIALS_DIRECTORY: join(folder, 'none') }), []);
    });
  });
});
