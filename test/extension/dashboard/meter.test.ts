import assert from 'node:assert/strict';
import { meterOf, quantity, wordOf } from '../../../extension/dashboard/meter.ts';
import { makeFinding } from '../nouns.ts';

describe('meterOf', () => {
  it('puts percentages on their natural scale', () => {
    const meter = meterOf(makeFinding({ value: 91, threshold: 85, unit: '%' }));
    assert.deepEqual([meter?.value, meter?.threshold, meter?.text], [0.91, 0.85, '91 %, threshold 85 %']);
  });

  it('leaves room beyond the larger of value and threshold otherwise', () => {
    assert.deepEqual(
      [
        meterOf(makeFinding({ value: 20, threshold: 10 }))?.value,
        meterOf(makeFinding({ value: 5, threshold: 10 }))?.threshold,
      ],
      [0.8, 0.8],
    );
    assert.equal(meterOf(makeFinding({ value: 250, threshold: 100, unit: '%' }))?.value, 0.8);
  });

  it('is absent without a value, without a threshold, or with numbers that no scale holds', () => {
    assert.equal(meterOf(makeFinding({ value: 4 })), null);
    assert.equal(meterOf(makeFinding({ threshold: 4 })), null);
    assert.equal(meterOf(makeFinding({ value: -4, threshold: 30, unit: 'days' })), null);
    assert.equal(meterOf(makeFinding({ value: Infinity, threshold: 30 })), null);
    assert.deepEqual(meterOf(makeFinding({ value: 0, threshold: 0 }))?.value, 0);
  });
});

describe('wordOf', () => {
  it('says availability as a word, which has no meter', () => {
    const down = makeFinding({ code: 'service.availability', value: 0, threshold: 1, unit: 'available' });
    assert.deepEqual(
      [wordOf(down), wordOf({ ...down, value: 1 }), meterOf(down)],
      ['not available', 'available', null],
    );
    assert.equal(wordOf(makeFinding({ code: 'service.availability', value: 1 })), 'available');
    assert.equal(wordOf(makeFinding({ value: 1, threshold: 1 })), '');
  });
});

describe('quantity', () => {
  it('says numbers with the unit that people read', () => {
    assert.deepEqual(
      [
        quantity(1536, 'bytes'),
        quantity(512, 'bytes'),
        quantity(52 * 1024 ** 3, 'bytes'),
        quantity(1310, 'ms'),
        quantity(90, 's'),
        quantity(1.947, 'ratio'),
        quantity(12, 'processes'),
        quantity(41.26, '%'),
      ],
      ['1.5 KiB', '512 B', '52 GiB', '1.3 s', '1 min', '1.95', '12 processes', '41.3 %'],
    );
  });
});
