import assert from 'node:assert/strict';
import { namesOf, Seal } from '../../agent/secrets/seal.ts';

describe('the seal', () => {
  const named = new Map([
    ['PASSWORD', 'hunter22'],
    ['LONGER', 'hunter22-and-more'],
    ['databases[0].url', 'postgres://a:b$^c@db/a'],
  ]);
  const data = {
    urls: ['postgres://x:hunter22@db', 'hunter22-and-more'],
    n: 3,
    url: 'postgres://a:b$^c@db/a',
    ok: null,
  };

  it('gives back what it closed, and holds no secret meanwhile', () => {
    const seal = new Seal(() => named);
    const closed = seal.close(data);
    assert.doesNotMatch(JSON.stringify(closed), /hunter22|b\$\^c/);
    assert.deepEqual(seal.open(closed), data);
    assert.deepEqual(namesOf(closed).urls, ['postgres://x:${PASSWORD}@db', '${LONGER}']);
  });

  it('gives the value of now, and refuses by name what is gone', () => {
    const closed = new Seal(() => named).close(data);
    const later = new Seal(() => new Map([...named, ['PASSWORD', 'rotated-1']]));
    assert.equal(later.open(closed).urls[0], 'postgres://x:rotated-1@db');
    assert.throws(() => new Seal(() => new Map()).open(closed), /the secret `PASSWORD` .* is gone: set it again/);
  });

  it('leaves alone what holds no secret', () => {
    assert.equal(new Seal(() => new Map()).close(data), data);
    assert.deepEqual(new Seal(() => named).open({ text: '${PASSWORD} $& $1' }), { text: '${PASSWORD} $& $1' });
  });
});
