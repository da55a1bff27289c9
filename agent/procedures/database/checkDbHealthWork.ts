/** The work of `check-db-health`: reads each database over one connection and tells what it found. */
import * as z from 'zod';
import type { ProcedureContext, ProcedureResult } from '../define.ts';
import type { CheckDbHealthOptions } from './checkDbHealth.ts';
import { errorMessage } from './connectionProblem.ts';
import { healthSchema, readHealth } from './healthReadings.ts';
import { counterKey, readCounters, writeCounters } from './keptCounters.ts';
import { printable } from './names.ts';
import { sortByDatabase, visitDatabases, visitedSchema, watchFindings } from './visit.ts';

export const part = z.object({ databases: z.array(visitedSchema), health: z.array(healthSchema) });
type Part = z.infer<typeof part>;

export async function run(given: CheckDbHealthOptions, context: ProcedureContext): Promise<ProcedureResult<Part>> {
  const watched = watchFindings(context);
  const health: Part['health'] = [];
  const book = await readCounters(context.memoryDirectory);
  const options = { doing: 'the health check', readOnly: true, parallel: true };
  const databases = await visitDatabases(watched.context, given.database, options, async (visit) => {
    const { session } = visit;
    const key = counterKey(session.target);
    const readings = await readHealth(visit, book.get(key) ?? null);
    health.push(readings.health);
    context.print(`${printable(session.target.name)}: PostgreSQL ${session.versionText}`);
    for (const line of readings.lockTree) context.print(`  ${line}`);
    for (const finding of readings.findings) watched.context.finding(finding);
    const { counters } = readings.state;
    if (counters !== null) book.set(key, { ...counters, at: context.now().toISOString() });
  });
  await writeCounters(context.memoryDirectory, book).catch((error: unknown) => {
    watched.context.finding({
      level: 'warning',
      code: 'database.memory',
      subject: 'check-db-health',
      message: `The counters of this check could not be kept (${errorMessage(error)}): the next one can not tell what happened since; free space or correct the rights of the state folder.`,
    });
  });
  sortByDatabase(health, databases);
  return { outcome: watched.outcome('unchanged'), part: { databases, health } };
}
