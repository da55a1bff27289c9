/** Settings and counters by which settings are judged (PostgreSQL manual: "pg_settings", "The Cumulative Statistics System"). */
import * as z from 'zod';
import type { DatabaseSession } from './connection.ts';

const setting = z.object({
  /** As current_setting() shows it, with unit. */
  text: z.string(),
  /** Bytes, milliseconds or the bare number, by its unit; null for text. */
  value: z.number().nullable(),
  restart: z.boolean(),
  /** Whether ALTER SYSTEM set it, or nobody can see who did: taking back then means to set what is there now. */
  altered: z.boolean(),
  /** Set where ALTER SYSTEM does not reach: on the command line, or for this database or role. */
  fixed: z.boolean(),
});
export type Setting = z.infer<typeof setting>;

const readings = z.object({
  settings: z.record(z.string(), setting),
  checkpoints: z.object({ timed: z.number(), requested: z.number() }),
  temporaryFiles: z.number(),
  temporaryBytes: z.number(),
  /** Tables with many rows and no autovacuum settings of their own, largest first, at most ten. */
  largeTables: z.array(z.object({ relation: z.string(), rows: z.number() })),
});
export type SettingsReadings = z.infer<typeof readings>;

export async function readSettings(session: DatabaseSession, manyRows: number): Promise<SettingsReadings> {
  const checkpoints =
    session.version >= 170000
      ? `select json_build_object('timed', num_timed, 'requested', num_requested) from pg_catalog.pg_stat_checkpointer`
      : `select json_build_object('timed', checkpoints_timed, 'requested', checkpoints_req) from pg_catalog.pg_stat_bgwriter`;
  const rows = await session.query(
    `select (select json_object_agg(name, json_build_object('text', current_setting(name), 'restart', context = 'postmaster',
         'altered', source = 'configuration file' and coalesce(sourcefile like '%postgresql.auto.conf', true),
         'fixed', source not in ('default', 'configuration file', 'dynamic default'), 'value', case when vartype not in ('integer', 'real') then null else setting::float8 * case unit
           when 'B' then 1 when 'kB' then 1024 when '8kB' then 8192 when '16kB' then 16384 when 'MB' then 1048576
           when 'ms' then 1 when 's' then 1000 when 'min' then 60000 else 1 end end))
       from pg_catalog.pg_settings where name = any ($1)) as settings,
     (${checkpoints}) as checkpoints,
     (select sum(temp_files)::float8 from pg_catalog.pg_stat_database where datname = pg_catalog.current_database()) as "temporaryFiles",
     (select sum(temp_bytes)::float8 from pg_catalog.pg_stat_database where datname = pg_catalog.current_database()) as "temporaryBytes",
     (select coalesce(json_agg(t), '[]') from (
        select pg_catalog.format('%I.%I', n.nspname, c.relname) as relation, c.reltuples as rows
        from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where c.relkind = 'r' and c.relpersistence <> 't' and c.reltuples >= $2
          and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_toast'
          and not exists (select from pg_catalog.pg_options_to_table(c.reloptions) where option_name like 'autovacuum%')
        order by c.reltuples desc limit 10) t) as "largeTables"`,
    [settingNames, manyRows],
  );
  return readings.parse(rows[0]);
}

const settingNames = [
  'autovacuum',
  'autovacuum_analyze_scale_factor',
  'autovacuum_vacuum_scale_factor',
  'checkpoint_completion_target',
  'checkpoint_timeout',
  'effective_cache_size',
  'effective_io_concurrency',
  'log_lock_waits',
  'maintenance_work_mem',
  'max_connections',
  'max_wal_size',
  'random_page_cost',
  'shared_buffers',
  'track_counts',
  'track_io_timing',
  'work_mem',
];
