import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { isReadOnly } from '../../../agent/procedures/database/explain.ts';

describe('a statement that may be explained', () => {
  for (const query of [
    'select 1',
    '/* hint */ SELECT * FROM orders',
    'with recent as (select 1) select * from recent',
    `select 'delete' as word, "update" from "into"`,
    'values (1)',
  ]) {
    it(`only reads: ${query}`, () => {
      assert.equal(isReadOnly(query), true);
    });
  }

  for (const query of [
    'update orders set id = 1',
    'with gone as (delete from orders returning *) select * from gone',
    'select * into copy from orders',
    'select * from orders for update',
    'select * from orders for no key update',
    'create role x',
    '<insufficient privilege>',
    'explain select 1',
    'select 1; drop table orders; insert into x values (1)',
    '',
  ]) {
    it(`does not: ${query}`, () => {
      assert.equal(isReadOnly(query), false);
    });
  }
});
