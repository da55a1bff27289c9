import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'mocha';
import { diskFindings, diskRooms } from '../../../agent/procedures/database/diskRoom.ts';

describe('the room on the disks of a server', () => {
  it('is read for a server on this machine, each file system once', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'upkeep-room-'));
    try {
      await mkdir(join(folder, 'data'));
      await symlink('/proc', join(folder, 'data', 'pg_wal'));
      const state = {
        loopback: true,
        dataDirectory: join(folder, 'data'),
        tablespaces: [
          { name: 'same', location: folder },
          { name: 'gone', location: join(folder, 'nowhere') },
        ],
      };
      const rooms = await diskRooms({ host: '/var/run/postgresql' }, state);
      assert.deepEqual(
        rooms.map(({ what }) => what),
        ['data directory', 'WAL'],
      );
      assert.ok((rooms[0]?.totalBytes ?? 0) > 0);
      for (const [host, loopback] of [
        ['db.internal', true],
        ['127.0.0.1', false],
      ] as const) {
        assert.deepEqual(await diskRooms({ host }, { ...state, loopback }), [], `${host} ${loopback}`);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('is short from the threshold on, and critical from 95 % on', () => {
    const level = (usedPercent: number) =>
      diskFindings('shop', [{ what: 'WAL', path: '/w', totalBytes: 100, availableBytes: 5, usedPercent }], 80)[0]
        ?.level;
    assert.deepEqual([level(79), level(80), level(95)], ['ok', 'warning', 'critical']);
  });
});
