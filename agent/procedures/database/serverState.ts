/** The state of a server in one query: ages of ids, counters, standbys, prepared transactions, where its files are. */
import * as z from 'zod';
import type { DatabaseSession } from './connection.ts';

/** Counters of the session's database since `statsReset`, as pg_stat_database keeps them. */
export const countersSchema = z.object({
  /** oid of the database. */
  id: z.number(),
  commits: z.number(),
  rollbacks: z.number(),
  deadlocks: z.number(),
  blocksHit: z.number(),
  blocksRead: z.number(),
  /** ISO instant; null = never reset. */
  statsReset: z.string().nullable(),
});
export type DatabaseCounters = Readonly<z.infer<typeof countersSchema>>;

/** A standby that streams from this server, with what it is behind; null where the role may not see it. */
export const standbySchema = z.object({
  name: z.string(),
  address: z.string().nullable(),
  state: z.string().nullable(),
  lagBytes: z.number().nullable(),
  lagSeconds: z.number().nullable(),
});

export const preparedSchema = z.object({
  name: z.string(),
  owner: z.string(),
  database: z.string(),
  seconds: z.number(),
});

const serverState = z.object({
  databases: z.array(z.object({ name: z.string(), xid: z.number(), mxid: z.number() })),
  counters: countersSchema.nullable(),
  /** Databases with failed checksums; always empty where checksums are off. */
  checksums: z.array(z.object({ name: z.string(), failures: z.number(), last: z.string().nullable() })),
  standbys: z.array(standbySchema),
  prepared: z.array(preparedSchema),
  /** On a standby: what it is behind, and whether it receives WAL by streaming. */
  recovery: z
    .object({ lagSeconds: z.number().nullable(), lagBytes: z.number().nullable(), streaming: z.boolean() })
    .nullable(),
  /** Whether the server takes this connection on a socket or a loopback address, as no container with ports of its own does. */
  loopback: z.boolean(),
  /** Null without pg_read_all_settings. */
  dataDirectory: z.string().nullable(),
  tablespaces: z.array(z.object({ name: z.string(), location: z.string() })),
  /** Whether this role sees the sessions of others. */
  seesAll: z.boolean(),
});
export type ServerState = z.infer<typeof serverState>;

export async function readServerState(session: DatabaseSession): Promise<ServerState> {
  const rows = await session.query(serverQuery);
  return serverState.parse(rows[0]);
}

/** Replies as JSON: each list is one column, so that one round trip serves them all. */
const serverQuery = `
with position as (
  select case when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_replay_lsn()
              else pg_catalog.pg_current_wal_lsn() end as lsn
)
select
  (select json_agg(json_build_object('name', datname, 'xid', age(datfrozenxid), 'mxid', mxid_age(datminmxid)))
   from pg_catalog.pg_database) as databases,
  (select json_build_object('id', datid::int8, 'commits', xact_commit, 'rollbacks', xact_rollback, 'deadlocks', deadlocks,
     'blocksHit', blks_hit, 'blocksRead', blks_read, 'statsReset', stats_reset)
   from pg_catalog.pg_stat_database where datname = pg_catalog.current_database()) as counters,
  (select coalesce(json_agg(json_build_object('name', coalesce(datname, 'shared tables'), 'failures', checksum_failures,
     'last', checksum_last_failure)), '[]')
   from pg_catalog.pg_stat_database where checksum_failures > 0) as checksums,
  (select coalesce(json_agg(json_build_object('name', coalesce(application_name, '?'), 'address', host(client_addr),
     'state', state, 'lagBytes', pg_catalog.pg_wal_lsn_diff((select lsn from position), replay_lsn),
     'lagSeconds', extract(epoch from replay_lag)) order by application_name), '[]')
   from pg_catalog.pg_stat_replication) as standbys,
  (select coalesce(json_agg(json_build_object('name', gid, 'owner', owner, 'database', database,
     'seconds', extract(epoch from now() - prepared)) order by prepared), '[]')
   from pg_catalog.pg_prepared_xacts) as prepared,
  (select case when pg_catalog.pg_is_in_recovery() then json_build_object(
     'lagBytes', pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn()),
     'lagSeconds', case when pg_catalog.pg_last_wal_receive_lsn() = pg_catalog.pg_last_wal_replay_lsn() then 0
       else extract(epoch from now() - pg_catalog.pg_last_xact_replay_timestamp()) end,
     'streaming', exists (select from pg_catalog.pg_stat_wal_receiver where pid is not null)) end) as recovery,
  coalesce(pg_catalog.inet_server_addr() <<= '127.0.0.0/8' or pg_catalog.inet_server_addr() = '::1', true) as loopback,
  (select setting from pg_catalog.pg_settings where name = 'data_directory') as "dataDirectory",
  (select coalesce(json_agg(json_build_object('name', spcname, 'location', pg_catalog.pg_tablespace_location(oid))
     order by spcname), '[]')
   from pg_catalog.pg_tablespace where pg_catalog.pg_tablespace_location(oid) <> '') as tablespaces,
  pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') as "seesAll"`;
