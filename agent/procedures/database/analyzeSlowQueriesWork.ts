/** The work of `analyze-slow-queries`: two queries of each database, and a plan for each statement that is to be explained. */
import * as z from 'zod';
import type { ProcedureContext, ProcedureResult } from '../define.ts';
import type { AnalyzeSlowQueriesOptions } from './analyzeSlowQueries.ts';
import { checkSlowQueries, slowStatementSchema } from './slowQueries.ts';
import { sortByDatabase, visitDatabases, visitedSchema, watchFindings } from './visit.ts';

export const part = z.object({ databases: z.array(visitedSchema), statements: z.array(slowStatementSchema) });
type Part = z.infer<typeof part>;

export async function run(given: AnalyzeSlowQueriesOptions, context: ProcedureContext): Promise<ProcedureResult<Part>> {
  const watched = watchFindings(context);
  const { limit, minDuration: minimumMs, explain } = given;
  const statements: Part['statements'] = [];
  const options = { doing: 'the analysis of slow queries', readOnly: true, parallel: true };
  const databases = await visitDatabases(watched.context, given.database, options, async (visit) => {
    statements.push(...(await checkSlowQueries(visit, { limit, minimumMs, explain })));
  });
  sortByDatabase(statements, databases);
  return { outcome: watched.outcome('unchanged'), part: { databases, statements } };
}
