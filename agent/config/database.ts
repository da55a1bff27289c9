/** `databases` and `database`: which PostgreSQL databases are maintained, and within which bounds. */
import * as z from 'zod';
import { duration, percent } from './units.ts';

export const databaseConnection = z.strictObject({
  name: z.string().min(1).describe('Name by which options and findings refer to this connection'),
  url: z
    .string()
    .optional()
    .describe('postgres:// URL; what it leaves out comes from PG* variables and .pgpass, as with libpq'),
});

export const databaseSettings = z.strictObject({
  dead_tuple_percent: percent
    .default(10)
    .describe('Share of dead rows from which a table is vacuumed by the daily maintenance'),
  dead_tuple_minimum: z.int().min(0).default(1000).describe('Dead rows below which a table is left alone'),
  stale_statistics_percent: percent
    .default(10)
    .describe('Share of rows changed since the last ANALYZE from which statistics count as stale'),
  bloat_ratio: z.number().min(1).default(2).describe('Size over expected size from which a relation is bloated'),
  bloat_minimum_bytes: z
    .int()
    .min(0)
    .default(8 * 1024 * 1024)
    .describe('Relations smaller than this are not reported as bloated'),
  lock_timeout: duration.default(5_000).describe('Longest wait for one lock'),
  lock_retries: z.int().min(0).max(10).default(3).describe('Further tries after a lock time-out'),
  statement_timeout: duration.default(3_600_000).describe('Longest time of one statement'),
  connect_timeout: duration.default(10_000).describe('Longest wait for a connection'),
  long_transaction: duration.default(3_600_000).describe('A transaction that is open longer is reported'),
  lock_wait: duration.default(1_000).describe('A wait for a lock that is longer is reported'),
  replication_lag: duration.default(60_000).describe('A standby that is further behind is reported'),
  orphan_queries: z
    .array(
      z.strictObject({
        name: z.string().min(1).describe('Name under which it is reported'),
        query: z.string().min(1).describe('SELECT of the orphaned rows; it can not write'),
        database: z.string().min(1).optional().describe('Name of the configured database; by default each'),
      }),
    )
    .max(100)
    .default([])
    .describe('Queries that find orphaned rows, counted by the monthly maintenance'),
  archive_directory: z.string().optional().describe('Folder of archived WAL files'),
  wal_retention: duration.optional().describe('Archived WAL older than this may be removed when no backup needs it'),
});
