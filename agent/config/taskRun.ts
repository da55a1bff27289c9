/** How a task is carried out, as the file says it: the keys of a task beside what it does and when, and the section `runs`. */
import * as z from 'zod';
import { role } from '../protocol/nouns.ts';
import { overlapPolicies } from '../run/settings.ts';
import { byteSize, duration } from './units.ts';

const name = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,99}$/, 'letters, digits and `_.:/-`, at most 100, first a letter or digit');
const text = z
  .string()
  .min(1)
  .refine((value) => !value.includes('\0'), 'text without NUL characters');
const oneOrMore = z.union([text, z.array(text)]);

const retries = z.strictObject({
  count: z.int().min(1).max(100).describe('Attempts after the first'),
  delay: duration.optional().describe('Before the second attempt; by default 1m'),
  backoff: z.number().min(1).max(10).optional().describe('Factor from delay to delay; by default 2'),
  max_delay: duration.optional().describe('Longest delay; by default 1h'),
  jitter: z.number().min(0).max(1).optional().describe('Part by which each delay varies; by default 0.1'),
});

const disk = z
  .strictObject({
    path: text,
    free: z.union([byteSize, z.string().regex(/^\d+(?:\.\d+)?\s*%$/, 'a share such as 10%')]),
  })
  .describe('Free space that must be there: a size (10GiB) or a share (10%)');

const requires = z.strictObject({
  disk: z.union([disk, z.array(disk)]).optional(),
  load: z.number().positive().optional().describe('Highest load average over one minute'),
  memory: byteSize.optional().describe('Memory that must be available'),
  mount: oneOrMore.optional().describe('Folder on which something must be mounted'),
  command: oneOrMore.optional().describe('Line for sh that must end with 0, within 10 s'),
  file: oneOrMore.optional().describe('File that must be there'),
});

const approval = z.strictObject({
  required: z
    .union([z.literal(1), z.literal(2)])
    .default(1)
    .describe('People who must approve; where it is 2, neither is the one who asked for the run'),
  roles: z
    .array(role.exclude(['viewer']))
    .min(1)
    .optional()
    .describe('Whose approval counts; by default operator, admin'),
  expires: duration.optional().describe('After this the run is skipped; by default 24h'),
});

/** Keys of a task. */
export const taskRunFields = {
  overlap: z
    .enum(overlapPolicies)
    .optional()
    .describe(
      'When a run of the task is still open: `forbid` (the default) starts no second, `queue` lets it wait, `replace` stops the first, `allow` runs both',
    ),
  locks: z.array(name).max(20).optional().describe('Names of which each is held by one run at a time, across tasks'),
  retries: retries.optional().describe('Further attempts after a failure or time-out; people are told of the last one'),
  requires: requires.optional().describe('What must hold before a start; else the run is skipped, with the reason'),
  user: z
    .string()
    .regex(/^[a-z_][a-z0-9_.-]{0,31}\$?$/i, 'the name of an OS user')
    .optional()
    .describe('OS user of a script, with all groups of that user; the agent must be root'),
  env: z
    .record(z.string(), z.string())
    .optional()
    .describe('Variables of the environment, beside the few that all tasks get'),
  cwd: text.optional().describe('Folder in which it runs; by default that of this file'),
  nice: z.int().min(-20).max(19).optional().describe('Niceness: 19 is the meekest; below 0 only as root'),
  ionice: z
    .strictObject({
      class: z.enum(['realtime', 'best-effort', 'idle']),
      level: z.int().min(0).max(7).optional(),
    })
    .optional()
    .describe('Rank of its disk access (Linux)'),
  output_limit: byteSize
    .refine((bytes) => bytes >= 65_536, 'at least 64KiB')
    .optional()
    .describe('Output that is kept: its head and its newest part, with a mark between; by default as in `runs`'),
  on_abort: z
    .strictObject({
      task: z.string().min(1).optional().describe('Task of this file'),
      command: z.array(text).min(1).optional().describe('Program and arguments'),
    })
    .optional()
    .describe('Clean-up after the task was cancelled or timed out: a task or a command'),
  approval: approval.optional().describe('People who must approve each run before it starts'),
  dry_run_args: z
    .array(z.string())
    .optional()
    .describe('Arguments that make the script only say what it would do; it also finds UPKEEP_DRY_RUN=1. May be empty'),
} as const;

/** The section `runs`. */
export const runLimits = z.strictObject({
  concurrency: z.int().min(1).max(1000).default(100).describe('Runs of tasks at once; the others wait'),
  groups: z
    .record(z.string(), z.int().min(1).max(1000))
    .default({})
    .describe('The same by `group` of the tasks: `groups: {database: 1}`'),
  output_limit: byteSize
    .refine((bytes) => bytes >= 65_536, 'at least 64KiB')
    .default(2 ** 30)
    .describe('Output that is kept of each run: its head and its newest part, with a mark between'),
});
