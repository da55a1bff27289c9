/** What maintenance did, statement by statement: the `actions` of the JSON document (DESIGN.md §9). */
import * as z from 'zod';

export const actionSchema = z.object({
  database: z.string(),
  /** The very text that was sent; for archived WAL what was done in words. */
  statement: z.string(),
  /** Quoted by the server where needed: `public.orders`, `public."Odd name"`; for archived WAL the folder. */
  relation: z.string(),
  seconds: z.number(),
  /** `planned` in a dry run. `skipped` = it could not be tried or got no lock; nothing was changed. */
  status: z.enum(['done', 'planned', 'skipped', 'failed']),
  reason: z.string().nullable(),
  before: z.record(z.string(), z.union([z.number(), z.string(), z.null()])),
  after: z.record(z.string(), z.union([z.number(), z.string(), z.null()])),
  /** True only when the effect was read back from the database or the disk afterwards. */
  verified: z.boolean(),
});
export type Action = z.infer<typeof actionSchema>;

/** Seconds with milliseconds since an instant of performance.now(). */
export function secondsSince(start: number): number {
  return Math.round(performance.now() - start) / 1000;
}
