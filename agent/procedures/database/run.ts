/** What the steps of maintaining one database share. */
import type { Finding } from '../../protocol/nouns.ts';
import type { Action } from './actions.ts';
import { openSession } from './connection.ts';
import { printable } from './names.ts';
import type { Observer } from './observer.ts';
import { tableStatistics, type Table, type TableStatistics } from './tables.ts';
import type { Visit } from './visit.ts';

export interface DatabaseRun extends Visit {
  /** A second connection, for looking on. */
  readonly observer: Observer;
  /** Records an action. */
  readonly action: (action: Action) => void;
  /** Tells how far the present step has come: `scanning heap, 40 %`. Set while steps are counted (steps.ts). */
  readonly detail?: (text: string) => void;
}

/** A run of the same findings and actions over a second session, which the caller closes. */
export async function connectWorker(run: DatabaseRun): Promise<DatabaseRun> {
  const { settings, context, parameters } = run;
  const { signal, dryRun } = context;
  return { ...run, session: await openSession(parameters, { settings, signal, readOnly: dryRun }) };
}

/** A table with the instant (performance.now()) at which its statistics were read. */
export interface Listed<T> {
  readonly table: T;
  readonly at: number;
}

/**
 * The statistics of a listed table: as listed while that is fresh, else read again, for autovacuum may have been there in a
 * long run.
 */
export async function currentStatistics(run: DatabaseRun, { table, at }: Listed<Table>): Promise<TableStatistics> {
  return performance.now() - at < freshMilliseconds ? table : tableStatistics(run.session, table.oid);
}

const freshMilliseconds = 10_000;

/** The name under which findings speak of a relation: with the database's name before it where several are configured. */
export function subjectOf({ session, context }: Pick<DatabaseRun, 'session' | 'context'>, relation: string): string {
  const name = printable(relation);
  return context.config.databases.length > 1 ? `${printable(session.target.name)}: ${name}` : name;
}

/** A finding about one relation. */
export function relationFinding(
  run: Pick<DatabaseRun, 'session' | 'context'>,
  relation: string,
  finding: Omit<Finding, 'subject' | 'message'> & { readonly text: (subject: string) => string },
): void {
  const { text, ...rest } = finding;
  const subject = subjectOf(run, relation);
  run.context.finding({ ...rest, subject, message: text(subject) });
}
