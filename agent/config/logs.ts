/** `logs`: what rotate-logs makes logrotate do, what analyze-logs reads, and what becomes of rotated logs later. */
import { posix } from 'node:path';
import * as z from 'zod';
import { logRotation } from './logRotation.ts';
import { since } from './since.ts';
import { byteSize, duration, percent } from './units.ts';

export const requestTimes = ['auto', 'seconds', 'milliseconds', 'microseconds'] as const;
export type RequestTime = (typeof requestTimes)[number];

export const logAnalysis = z.strictObject({
  files: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe('Files, folders or globs; by default the `paths` of `logs.rotate`'),
  since: since.optional().describe('By default everything that is there is read'),
  error_rate: percent.default(5).describe('Share of requests that may end with 5xx, in percent'),
  new_groups: z.int().min(1).default(1).describe('So many error groups that are new since yesterday are a warning'),
  request_time: z
    .enum(requestTimes)
    .default('auto')
    .describe(
      'What durations of requests count that access logs give as whole numbers (Apache: `%T` seconds, `%{ms}T` milliseconds, `%D` microseconds); with a decimal point they are seconds',
    ),
  ignore: z
    .array(z.string().min(3))
    .default([])
    .describe('Messages that hold one of these texts are expected: counted, but in no group. Plain text, no pattern'),
});

export const logArchive = z.strictObject({
  paths: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe('Logs (files or globs) whose rotated generations are archived; by default those of `rotate`'),
  destination: z.string().min(1).optional().describe('Folder of the archives; made when it is missing'),
  days: z
    .int()
    .min(0)
    .max(36_500)
    .default(30)
    .describe('Days since the last write, and since the date in its name if any, before a generation is archived'),
  compression: z.enum(['zstd', 'gzip']).default('zstd'),
  keep: duration.optional().describe('Archives older than this are deleted; by default none is'),
  mode: z
    .string()
    .regex(/^0?[0-7]{3}$/, 'a mode: 0640')
    .default('0600')
    .describe('Mode of the archives'),
  owner: z
    .string()
    .regex(/^[A-Za-z0-9_.-]+ [A-Za-z0-9_.-]+$/, 'a user and a group: root adm')
    .optional()
    .describe('Owner and group of the archives: `root adm`'),
  su: z
    .string()
    .regex(/^[A-Za-z0-9_.-]+ [A-Za-z0-9_.-]+$/, 'a user and a group: root adm')
    .optional()
    .describe(
      'User and group with whose rights logs are taken from folders that others can write to, as `su` of logrotate: `root adm`; by default such folders are left alone',
    ),
});
export type LogArchiveSettings = z.infer<typeof logArchive>;

export const logJournal = z.strictObject({
  directory: z.string().min(1).optional().describe("A folder of journal files, instead of the system's own journal"),
  keep: duration
    .refine((milliseconds) => milliseconds > 0, 'more than nothing')
    .prefault('7d')
    .describe('Archived journal files that begin with older entries are removed'),
  max_size: byteSize
    .refine((bytes) => bytes > 0, 'more than nothing')
    .prefault('500MB')
    .describe('The oldest archived journal files of a folder are removed until no more than this is left in it'),
});

const systemFolders = /^\/(?:bin|boot|dev(?!\/shm\/)|etc|lib(?:x?32|64)?|proc|sbin|sys|usr(?!\/local\/))(?:\/|$)/;

/** A pattern that could lead all over the system, as one blank too many makes it: `/**` are all of its files. */
function isLeftover(pattern: string): boolean {
  const path = posix.normalize(pattern);
  return !systemFolders.test(path) && !/^\/(?:[^/]*\*\*|[^/]*[*?[{][^/]*\/)/.test(path);
}

export const logCleanup = z.strictObject({
  apt: z.boolean().default(false).describe('Remove downloaded packages, as `apt-get clean` does'),
  files: z
    .array(
      z.strictObject({
        paths: z
          .array(
            z
              .string()
              .min(1)
              .refine(isLeftover, 'files below a folder of their own, such as /var/tmp/app-*, and none of the system'),
          )
          .min(1)
          .describe('Files or globs; never folders, never through links'),
        min_age: duration.prefault('7d').describe('Only what was changed last longer ago'),
      }),
    )
    .default([])
    .describe('Leftovers that clean-system-logs removes; nothing else is'),
});

export const logAudit = z.strictObject({
  paths: z
    .array(z.string().min(1))
    .default([])
    .describe('Audit logs (files or globs) whose rotated generations are archived'),
  destination: z.string().min(1).optional().describe('Folder of the archives; by default that of `archive`'),
  days: z.int().min(0).max(36_500).default(90).describe('Entries older than this are archived'),
  trim: duration
    .optional()
    .describe(
      "Entries of Upkeep's own audit log older than this leave the store, once the agent has itself verified the archive that holds them; by default none ever leaves",
    ),
});

export const logSettings = z.strictObject({
  rotate: z.array(logRotation).optional(),
  archive: logArchive.prefault({}),
  journal: logJournal.prefault({}),
  cleanup: logCleanup.prefault({}),
  audit: logAudit.prefault({}),
  config: z.string().optional().describe('An existing logrotate configuration, instead of `rotate`'),
  analyze: logAnalysis.prefault({}).describe('What analyze-logs reads and warns of'),
  state: z.string().optional().describe("logrotate's state file; by default one in the agent's state folder"),
});
export type LogSettings = z.infer<typeof logSettings>;

/** Folder of the archives of audit logs; undefined when none is named. */
export function auditDestination({ audit, archive }: Pick<LogSettings, 'audit' | 'archive'>): string | undefined {
  return audit.destination ?? archive.destination;
}
