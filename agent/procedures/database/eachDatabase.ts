/** The frame of every procedure that changes databases: each in turn, with its actions, and what became of it. */
import * as z from 'zod';
import type { ProcedureContext, ProcedureOutcome } from '../define.ts';
import { actionSchema, type Action } from './actions.ts';
import { afterLoss } from './loss.ts';
import { Observer } from './observer.ts';
import type { DatabaseRun } from './run.ts';
import { visitDatabases, visitedSchema, watchFindings } from './visit.ts';

/** What the `database-*` procedures have in common in their part of the JSON document. */
export const maintenancePart = z.object({ databases: z.array(visitedSchema), actions: z.array(actionSchema) });
export type MaintenancePart = z.infer<typeof maintenancePart>;

export interface Maintained extends MaintenancePart {
  /** `failed` when the work could not be done, `warning` by the findings, else whether an action was carried out. */
  readonly outcome: () => ProcedureOutcome;
}

export interface Frame {
  readonly context: ProcedureContext;
  /** Names of configured databases; undefined = all. */
  readonly names: readonly string[] | undefined;
  /** For messages: `the reindexing`. By default `maintenance`. */
  readonly doing?: string;
  /** Work on one database of a supported version. */
  readonly work: (run: DatabaseRun) => Promise<void>;
  /** What belongs to no database, at the end; its findings count as well. */
  readonly afterwards?: (context: ProcedureContext, result: MaintenancePart) => Promise<void> | void;
}

/** Runs `work` in each database. One that can not be reached, is too old or is lost becomes a finding; the others go on. */
export async function eachDatabase(frame: Frame): Promise<Maintained> {
  const { names, doing = 'maintenance', work, afterwards } = frame;
  const { context, outcome } = watchFindings(frame.context);
  const actions: Action[] = [];
  const readOnly = context.dryRun;
  const databases = await visitDatabases(context, names, { doing, readOnly, onLost: afterLoss }, async (visit) => {
    const observer = new Observer(visit.parameters, visit.settings);
    try {
      await work({ ...visit, observer, action: (action) => actions.push(action) });
    } finally {
      await observer.close();
    }
  });
  await afterwards?.(context, { databases, actions });
  return {
    databases,
    actions,
    outcome: () => outcome(actions.some((action) => action.status === 'done') ? 'changed' : 'unchanged'),
  };
}
