/** Reading the catalogues without waiting for anybody's lock. */
import type pg from 'pg';
import type { Queryable } from './connection.ts';
import { errorCode } from './connectionProblem.ts';

/**
 * A CTE of the relations that an ACCESS EXCLUSIVE lock is held on: whatever asks such a one for its size would wait for the
 * lock.
 */
export const lockedRelations = `locked as materialized (
    select relation from pg_catalog.pg_locks where mode = 'AccessExclusiveLock' and relation is not null
  )`;

/** A lock taken between the look at pg_locks and the look at the file still makes the query wait; it then runs once more. */
export async function readCatalogue<Row extends pg.QueryResultRow>(
  session: Queryable,
  query: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  try {
    return await session.query<Row>(query, values);
  } catch (error) {
    if (errorCode(error) !== '55P03') throw error;
    return session.query<Row>(query, values);
  }
}
