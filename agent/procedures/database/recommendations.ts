/**
 * Recommendations of `performance-analysis`, kept for `apply-optimizations`: each has the SQL that applies it and the SQL
 * that takes it back.
 */
import { rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { makeFolders } from '../../makeFolders.ts';
import { readIfThere } from '../../readIfThere.ts';

export const recommendationSchema = z.object({
  /** Stable from one analysis to the next: `setting.random_page_cost`, `autovacuum.public.orders`. */
  id: z.string().min(1),
  /** Name of the configured database in whose session `sql` and `undo` are to run. */
  database: z.string(),
  title: z.string(),
  /** What was measured, and why that speaks for the change. */
  reason: z.string(),
  /** One statement, no transaction around it; identifiers are quoted by the server. */
  sql: z.string().min(1),
  /** One statement that brings back what was in force when the analysis was made. */
  undo: z.string().min(1),
  /** True when it takes effect only after a restart of the server. Other changes of `server` need pg_reload_conf(). */
  restart: z.boolean(),
  scope: z.enum(['server', 'database', 'relation']),
  /** The setting of postgresql.conf that it changes, for checking in pg_settings; null for anything else. */
  setting: z
    .object({
      name: z.string(),
      /** As current_setting() shows them, with unit. */
      from: z.string(),
      to: z.string(),
    })
    .nullable(),
});
export type Recommendation = z.infer<typeof recommendationSchema>;

export const analysisSchema = z.object({
  /** ISO instant at which it was made. */
  analysedAt: z.string(),
  recommendations: z.array(recommendationSchema),
});
/** What is kept of the last analysis, and what the JSON document of `performance-analysis` holds among other things. */
export type Analysis = z.infer<typeof analysisSchema>;

/** The file of the last analysis, from the memory folder of any procedure. */
export function analysisFile(memoryDirectory: string): string {
  return join(dirname(memoryDirectory), 'performance-analysis', 'recommendations.json');
}

/** Keeps an analysis in place of the last one, whole or not at all. */
export async function writeAnalysis(file: string, analysis: Analysis): Promise<void> {
  await makeFolders(dirname(file), 0o700);
  const draft = `${file}.new`;
  await writeFile(draft, `${JSON.stringify(analysisSchema.parse(analysis), null, 2)}\n`, { mode: 0o600 });
  await rename(draft, file);
}

/** Reads a kept analysis, or the JSON document of a run; null when there is none. Throws when the file is something else. */
export async function readAnalysis(file: string): Promise<Analysis | null> {
  const text = await readIfThere(file);
  if (text === null) return null;
  try {
    return analysisSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new Error(`${file} is no report of performance-analysis; run that with --json, or leave --from out.`, {
      cause,
    });
  }
}
