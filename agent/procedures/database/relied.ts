/** Settings that procedures of databases have in common. */
import type { SettingPath } from '../../config/relied.ts';

export const sessionSettings = [
  'databases[]',
  'database.connect_timeout',
  'database.lock_timeout',
  'database.statement_timeout',
] as const satisfies readonly SettingPath[];

export const bloatSettings = [
  'database.bloat_ratio',
  'database.bloat_minimum_bytes',
  'database.stale_statistics_percent',
] as const satisfies readonly SettingPath[];

export const deadRowSettings = [
  'database.dead_tuple_percent',
  'database.dead_tuple_minimum',
] as const satisfies readonly SettingPath[];

/** Of work that takes locks and waits for whoever holds them. */
export const workSettings = [
  ...sessionSettings,
  'database.lock_retries',
  'database.long_transaction',
] as const satisfies readonly SettingPath[];

export const healthSettings = [
  ...sessionSettings,
  'database.long_transaction',
  'database.lock_wait',
  'database.replication_lag',
  'database.dead_tuple_percent',
  'thresholds.disk_usage_percent',
  'thresholds.database_connections_percent',
] as const satisfies readonly SettingPath[];
