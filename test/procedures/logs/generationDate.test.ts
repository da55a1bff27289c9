import assert from 'node:assert/strict';
import { dateInName } from '../../../agent/procedures/logs/generationDate.ts';

describe('the date in the name of a generation', () => {
  for (const [name, end] of [
    ['access.log-20240115', '2024-01-16'],
    ['access.log-20240115.gz', '2024-01-16'],
    ['access.log.2024-01-15', '2024-01-16'],
    ['access-2024.01.15.log', '2024-01-16'],
    ['access_2024_01_15.log.zst', '2024-01-16'],
    ['access.log-2024011523', '2024-01-16'],
    ['access.log-20240115-1705312800', '2024-01-16'],
    ['access.log-20240229', '2024-03-01'],
    ['access.log-2024-01', '2024-02-01'],
    ['access-202412.log', '2025-01-01'],
    ['app-20240115.log-20240116', '2024-01-17'],
    ['access.log.3', null],
    ['access.log.20240', null],
    ['access.log-20230229', null],
    ['access.log-20241315', null],
    ['port-8080.log.1', null],
    ['id-120240115.log', null],
  ] as const) {
    it(`of ${name} is ${end ?? 'none'}`, () => {
      assert.equal(dateInName(name)?.toISOString().slice(0, 10) ?? null, end);
    });
  }
});
