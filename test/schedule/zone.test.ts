import assert from 'node:assert/strict';
import { zoneNamed } from '../../agent/schedule/zone.ts';
import { day } from './harness.ts';

describe('zone', () => {
  it('is one object for all spellings of a name, and none for what is no name', () => {
    assert.equal(zoneNamed('europe/berlin'), zoneNamed('Europe/Berlin'));
    for (const name of ['Mars/Base', '+02:00', '', '../etc/localtime', 'UTC\0', 'x'.repeat(65)])
      assert.equal(zoneNamed(name), null, JSON.stringify(name));
  });

  it('says so when it is asked for what is no date', () => {
    for (const name of ['UTC', 'Europe/Berlin']) {
      const zone = zoneNamed(name) ?? assert.fail();
      assert.throws(() => zone.stretchAt(Number.NaN), RangeError, name);
    }
  });

  it('keeps its answers right when more instants were asked for than it keeps', () => {
    const zone = zoneNamed('America/New_York') ?? assert.fail();
    const summer = Date.UTC(2024, 6, 1);
    const before = zone.stretchAt(summer);
    // 6,000 stretches of 8 days are 131 years.
    for (let count = 0; count < 6000; count += 1) zone.stretchAt(Date.UTC(1970, 0, 1) + count * 8 * day);
    assert.deepEqual(zone.stretchAt(summer), before);
    assert.equal(before.offset, -4 * 3_600_000);
  });
});
