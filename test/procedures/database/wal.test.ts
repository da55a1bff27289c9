import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { slotFinding } from '../../../agent/procedures/database/wal.ts';
import { codes } from './context.ts';

const slot = { name: 's', type: 'physical', active: true, status: 'reserved', retained: 0, limit: 1024 ** 3 };

describe('a replication slot', () => {
  it('is fine while it is active and retains little', () => {
    assert.deepEqual(slotFinding(slot, 'shop'), []);
    assert.deepEqual(slotFinding({ ...slot, active: false, retained: null }, 'shop'), []);
  });

  it('is mentioned when inactive, and a warning once it retains more than max_wal_size', () => {
    assert.deepEqual(codes(slotFinding({ ...slot, active: false, retained: 4096 }, 'shop')), [
      'info database.replication_slot',
    ]);
    const [finding] = slotFinding({ ...slot, retained: 2 * 1024 ** 3 }, 'shop');
    assert.deepEqual([finding?.level, finding?.subject], ['warning', 'shop: s']);
    assert.match(finding?.message ?? '', /active\) retains 2\.0 GB of WAL; .*pg_drop_replication_slot/);
  });

  it('is critical when WAL that it needs is lost or about to be', () => {
    for (const status of ['lost', 'unreserved']) {
      assert.deepEqual(codes(slotFinding({ ...slot, status }, 'shop')), ['critical database.replication_slot']);
    }
  });
});
