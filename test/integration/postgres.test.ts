import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'mocha';
import { startPostgres } from './postgres.ts';

describe('the throw-away PostgreSQL of the tests', () => {
  it('listens on loopback alone, has pg_stat_statements, and leaves nothing behind', async () => {
    const server = await startPostgres();
    try {
      const [row] = await server.query(
        `select current_setting('listen_addresses') as addresses, current_setting('unix_socket_directories') as sockets,
           current_setting('shared_preload_libraries') as libraries`,
      );
      assert.deepEqual(row, { addresses: '127.0.0.1', sockets: '', libraries: 'pg_stat_statements' });
    } finally {
      await server.stop();
      await server.stop();
    }
    assert.equal(existsSync(server.directory), false);
    assert.throws(() => process.kill(server.pid, 0), /ESRCH/);
  });

  it('keeps its data in a folder of the caller from start to start', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'upkeep-cluster-'));
    await chmod(directory, 0o711);
    try {
      const first = await startPostgres({ directory });
      await first.query('create table kept as select 1 as id');
      await first.stop();
      const second = await startPostgres({ directory });
      try {
        assert.deepEqual(await second.query('select id from kept'), [{ id: 1 }]);
        assert.equal(second.password, first.password);
      } finally {
        await second.stop();
      }
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
