/** What analyze-logs reports of each log: its part of the JSON document (DESIGN.md §9). */
import * as z from 'zod';
import { levels } from './levels.ts';

const count = z.number().min(0);
const instant = z.iso.datetime().nullable();
const seconds = z.object({ mean: count, p50: count, p95: count, p99: count, max: count }).nullable();

const groupSchema = z.object({
  template: z.string(),
  level: z.enum(levels),
  count,
  firstSeen: instant,
  lastSeen: instant,
  /** First known less than a day ago; null where what was before is not known. */
  isNew: z.boolean().nullable(),
});

const ranked = z.object({ name: z.string(), count, bytes: count.optional() });
/** Counts may be too low by `missed`: the rarest are let go when there are more different ones than room. */
const ranking = z.object({ distinct: count, exact: z.boolean(), missed: count, top: z.array(ranked) });

const throughputSchema = z
  .object({ meanPerMinute: count, peakPerMinute: count, peakAt: z.string(), slotMinutes: count })
  .nullable();

const requestsSchema = z.object({
  count,
  /** null where only failures were looked at (`error`). */
  bytes: count.nullable(),
  statuses: z.record(z.string(), count),
  /** Share of 5xx among all, in percent. */
  errorRate: count,
  /** Percentiles are within 1 % of the true value. */
  seconds,
  /** Durations that the log gives as whole numbers, and the unit that they were taken for; `guessed`: from their values. */
  wholeDurations: z
    .object({ count, unit: z.enum(['seconds', 'milliseconds', 'microseconds']), guessed: z.boolean() })
    .nullable(),
  throughput: throughputSchema,
  routes: z.array(z.object({ route: z.string(), count, errors: count, bytes: count, seconds })),
  slowest: z.array(z.object({ request: z.string(), seconds: count, at: instant })),
  paths: ranking,
  clients: ranking,
  agents: ranking,
});

const statementsSchema = z.object({
  /** With a duration; where none has one, those that auto_explain tells of. */
  count,
  /** Plans by auto_explain. */
  plans: count,
  milliseconds: seconds,
  throughput: throughputSchema,
  top: z.array(z.object({ statement: z.string(), count, total: count, mean: count, p95: count, max: count })),
  distinct: count,
  missed: count,
  connections: count,
  disconnections: count,
  sessionSeconds: seconds,
  lockWaits: count,
  deadlocks: count,
  temporaryFiles: count,
  temporaryBytes: count,
  checkpoints: count,
  checkpointsTimed: count,
  checkpointSeconds: seconds,
  autovacuums: count,
});

const logSchema = z.object({
  source: z.string(),
  /** The files that were read, oldest first. */
  read: z.array(z.string()),
  /** That of most records. */
  format: z.string(),
  formats: z.record(z.string(), count),
  bytes: count,
  lines: count,
  records: count,
  /** Records older than `since`. */
  skipped: count,
  longLines: count,
  binaryLines: count,
  invalidLines: count,
  firstSeen: instant,
  lastSeen: instant,
  levels: z.record(z.enum(levels), count),
  groups: z.array(groupSchema),
  /** Messages in groups that are not listed, and those that `logs.analyze.ignore` expects. */
  otherMessages: count,
  ignoredMessages: count,
  requests: requestsSchema.optional(),
  statements: statementsSchema.optional(),
});

export const part = z.object({
  report: z.enum(['error', 'performance']),
  since: instant,
  reportFile: z.string().nullable(),
  files: z.array(logSchema),
});

export type Part = z.infer<typeof part>;
export type Log = z.infer<typeof logSchema>;
export type LogGroup = z.infer<typeof groupSchema>;
export type LogRequests = z.infer<typeof requestsSchema>;
export type Ranking = z.infer<typeof ranking>;
export type Statements = z.infer<typeof statementsSchema>;
export type Spread = z.infer<typeof seconds>;
