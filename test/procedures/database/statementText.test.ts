import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { shownStatement } from '../../../agent/procedures/database/statementText.ts';

describe('a statement of others', () => {
  const cases: readonly (readonly [given: string, shown: string])[] = [
    [`alter role app password 'hunter2'`, 'alter role app password ?'],
    [`select 'it''s hunter2', x from t`, 'select ?, x from t'],
    [String.raw`select E'it\'s hunter2', e'\\', 'a\' from t`, 'select ?, ?, ? from t'],
    [`select U&'d\\0061t', B'101', x'ff', N'hunter2'`, 'select ?, ?, ?, ?'],
    ['select $$hunter2$$, $tag$ it is $$ hunter2 $tag$, $1', 'select ?, ?, $1'],
    ['select 42, 4.2e-10, .5, t1.c2, "c 3" from t1 where x<-7', 'select ?, ?, ?, t1.c2, "c 3" from t1 where x<-?'],
    ['select 1 -- hunter2\n, 2 /* hunter2 /* nested */ hunter2 */, 3', 'select ? , ? , ?'],
    [`select 'hunter2 cut off by the serv`, 'select ?'],
    [String.raw`select E'hunter2 cut off \ `.trimEnd(), 'select ?'],
    ['select $x$hunter2 cut off', 'select ?'],
    ['select "odd ""name', 'select "odd ""name'],
    ['select\n\t1\u{202e}', 'select ?\\u{202e}'],
    ['', ''],
  ];
  for (const [given, shown] of cases) {
    it(`is shown without its values: ${JSON.stringify(given)}`, () => {
      assert.equal(shownStatement(given), shown);
      assert.ok(!shownStatement(given).includes('hunter2'));
    });
  }

  it('is cut where it is too long to show', () => {
    const text = shownStatement(`select ${'a, '.repeat(500)} b`, 50);
    assert.equal(text.length, 50);
    assert.ok(text.endsWith('…'));
  });

  it('V27: takes linear time, whatever it is made of', () => {
    for (const part of [`'`, `''`, `E'\\`, '$a$', '/*', '--', '"', '1.', ' ']) {
      assert.ok(shownStatement(part.repeat(100_000)).length <= 200, part);
    }
  });
});
