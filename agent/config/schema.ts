/**
 * maintenance.yaml as zod schemas. Keys are snake_case, as in the seed's example, which is valid here to the letter.
 * The editor's JSON schema, the checks with line numbers and the documentation derive from this file and its sections.
 */
import * as z from 'zod';
import { certificateSettings } from './certificates.ts';
import { databaseConnection, databaseSettings } from './database.ts';
import { healthSettings, thresholds } from './health.ts';
import { logSettings } from './logs.ts';
import { retentionSettings } from './retention.ts';
import { serverSettings } from './server.ts';
import { blackoutConfig } from './blackouts.ts';
import { runLimits, taskRunFields } from './taskRun.ts';
import { missedPolicies, taskInterval, taskJitter } from './timing.ts';
import { duration } from './units.ts';

const taskName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/,
    'letters, digits, `_`, `.` and `-`, at most 100, first a letter or digit',
  );

export const taskConfig = z.strictObject({
  name: taskName.describe('Unique name of the task'),
  description: z.string().optional(),
  group: z.string().optional().describe('Heading under which the editor shows it'),
  schedule: z
    .string()
    .min(1)
    .optional()
    .describe('Cron expression of 5 or 6 fields; without it, `every` and `at` the task runs by hand'),
  every: taskInterval
    .optional()
    .describe('Interval between runs (15m), by elapsed time and in step across restarts; instead of `schedule`'),
  at: z
    .string()
    .min(1)
    .optional()
    .describe('Runs once at this date and time (2026-12-24T02:00), local to the zone; instead of `schedule`'),
  jitter: taskJitter
    .optional()
    .describe('Delays each scheduled run by up to this; the delay of a task on a host is always the same'),
  missed: z
    .enum(missedPolicies)
    .optional()
    .describe(
      'Runs that were due while nobody could start them: `once` makes up for them with one run (the default), `all` with each (at most 100), `skip` with none',
    ),
  max_age: duration
    .optional()
    .describe('A run that is later than this is not made up for; by default no limit, and 1h for `at`'),
  timezone: z.string().optional().describe('IANA zone of the schedule; by default `timezone` of the file'),
  day_match: z
    .enum(['any', 'all'])
    .optional()
    .describe('`all`: day of month and day of week must both match; by default either is enough, as in cron'),
  script: z
    .string()
    .min(1)
    .optional()
    .describe('Script file, or a built-in procedure by its script name (check-certificates.sh)'),
  procedure: z.string().min(1).optional().describe('Built-in procedure'),
  options: z.record(z.string(), z.unknown()).optional().describe('Options of the procedure, in snake_case'),
  args: z.array(z.string()).optional().describe('Arguments of a script'),
  timeout: duration.optional().describe('Longest time of one attempt'),
  alert_on_failure: z.boolean().default(false),
  alert_threshold_days: z.int().min(0).optional().describe('check-certificates: warn so many days before expiry'),
  ...taskRunFields,
});
export type TaskConfig = z.infer<typeof taskConfig>;

export const checkConfig = z.strictObject({
  name: taskName,
  procedure: z.string().min(1),
  options: z.record(z.string(), z.unknown()).optional(),
  every: duration.describe('Interval'),
});
export type CheckConfig = z.infer<typeof checkConfig>;

export const notificationSettings = z.strictObject({
  slack_webhook: z.url({ protocol: /^https?$/ }).optional(),
  webhook: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Receives each alert as JSON by POST'),
  email_list: z
    .union([z.string(), z.array(z.string())])
    .transform((list) => (typeof list === 'string' ? list.split(/[\s,;]+/).filter((entry) => entry !== '') : list))
    .pipe(z.array(z.email()))
    .optional(),
  smtp: z.string().optional().describe('smtp:// or smtps:// URL of the server that takes the e-mail'),
  from: z.email().optional(),
});

export const sections = {
  host_name: z.string().min(1).max(100).optional().describe('Name of this host in the editor; by default its hostname'),
  timezone: z.string().default('UTC').describe('IANA zone of all schedules that name none'),
  blackouts: z
    .array(blackoutConfig)
    .max(100)
    .default([])
    .describe('Times in which no scheduled run starts; a manual one needs a reason'),
  checks: z
    .array(checkConfig)
    .optional()
    .describe(
      'Probes on an interval; by default health-check, and checks of the certificates and databases that are named',
    ),
  notifications: notificationSettings.prefault({}),
  thresholds: thresholds.prefault({}),
  databases: z.array(databaseConnection).default([]),
  database: databaseSettings.prefault({}),
  certificates: certificateSettings.prefault({}),
  logs: logSettings.prefault({}),
  health: healthSettings.prefault({}),
  retention: retentionSettings.prefault({}),
  runs: runLimits.prefault({}),
  metrics: z
    .strictObject({
      prefix: z
        .string()
        .regex(/^[a-zA-Z_:][a-zA-Z0-9_:]*$/, 'letters, digits, `_` and `:`, first no digit')
        .default('upkeep_maintenance')
        .describe('Prefix of the metric names: <prefix>_last_run and so on'),
    })
    .prefault({}),
  mode: z
    .strictObject({
      flag_file: z
        .string()
        .optional()
        .describe('File that is there while maintenance mode is on (the seed: /var/www/maintenance.flag)'),
    })
    .prefault({}),
  runbooks: z.strictObject({ directories: z.array(z.string()).default([]) }).prefault({}),
  scripts: z
    .strictObject({
      directory: z.string().optional().describe("Folder of the tasks' scripts; by default that of this file"),
    })
    .prefault({}),
  server: serverSettings.prefault({}),
} as const;

/** The whole file, for the JSON schema. Loading validates each task and each section on its own, so that one typo refuses one thing. */
export const configFile = z.strictObject({
  maintenance: z.strictObject({ automated_tasks: z.array(taskConfig).default([]), ...sections }),
});

export const allSections = z.object(sections);
export type Sections = Readonly<z.infer<typeof allSections>>;

/** The configuration in force. Paths are absolute, `${VARIABLES}` replaced, refused tasks left out. */
export interface Config extends Sections {
  readonly tasks: readonly LoadedTask[];
  /** Folder against which relative paths were resolved. */
  readonly baseDirectory: string;
  /** Where a section lost something for a mistake: `['certificates', 'backup']`. What would do harm by a default must look here. */
  readonly leftOut?: readonly (readonly (string | number)[])[];
}

/** A task with what loading found out about it. */
export interface LoadedTask extends TaskConfig {
  /** 1-based line of its entry. */
  readonly line: number;
  readonly action:
    | { readonly kind: 'procedure'; readonly procedure: string; readonly options: Readonly<Record<string, unknown>> }
    | { readonly kind: 'script'; readonly path: string; readonly args: readonly string[] };
  readonly zone: string;
}
