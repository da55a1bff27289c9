/** `logs.rotate`: one block of a logrotate configuration, in the words of logrotate(8). */
import * as z from 'zod';

const size = z.string().regex(/^\d+[kMG]?$/, 'a number of bytes, also with k, M or G: 100M');
const ownership = z
  .string()
  .regex(/^0?[0-7]{3}( [A-Za-z0-9_.-]+ [A-Za-z0-9_.-]+)?$/, 'a mode, with owner and group if wanted: 0644 app app');
const script = z.string();

const weekdays = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const;

export const logRotation = z
  .strictObject({
    paths: z.array(z.string().min(1)).min(1).describe('Files or globs'),
    frequency: z
      .enum(['hourly', 'daily', 'weekly', 'monthly', 'yearly'])
      .default('daily')
      .describe('Rotated when so much time has passed; the task must run as often'),
    weekday: z.enum(weekdays).optional().describe('Day on which `weekly` rotates; by default sunday'),
    size: size.optional().describe('Rotate when larger than this, whatever the time'),
    minsize: size.optional().describe('Rotate when the time has come, but only what is larger than this'),
    maxsize: size.optional().describe('Rotate when the time has come, and before that what is larger than this'),
    minage: z.int().min(0).optional().describe('Logs that are younger than so many days are not rotated'),
    rotate: z.int().min(-1).default(14).describe('Generations that are kept; -1 = all of them'),
    maxage: z.int().min(1).optional().describe('Generations older than so many days are removed at the next rotation'),
    compress: z.boolean().default(true),
    compression: z.enum(['gzip', 'zstd', 'xz', 'bzip2']).default('gzip').describe('The program that compresses'),
    compressoptions: z
      .string()
      .regex(/^-[A-Za-z0-9=-]+( -[A-Za-z0-9=-]+)*$/, 'options of that program: -9 or -19 -T0')
      .optional()
      .describe('Its options, as `-9`'),
    delaycompress: z.boolean().default(true).describe('Compress a generation one rotation later'),
    missingok: z.boolean().default(true).describe('A log that is not there is no error'),
    notifempty: z.boolean().default(true).describe('Leave empty logs alone'),
    copytruncate: z
      .boolean()
      .default(false)
      .describe('Copy the log and empty it, for writers that cannot reopen it; what they write in between is lost'),
    dateext: z.boolean().default(false).describe('Name generations by the date instead of a number'),
    dateformat: z
      .string()
      .regex(/^(?:[-._A-Za-z0-9]|%[YmdHMSVs])+$/, 'letters, digits, `-._` and %Y %m %d %H %M %S %V %s: -%Y%m%d-%H%M')
      .optional()
      .describe('Form of the date of `dateext`; by default `-%Y%m%d`, hourly `-%Y%m%d%H`'),
    dateyesterday: z.boolean().default(false).describe("The date of `dateext` is yesterday's, as that of the lines"),
    extension: z
      .string()
      .regex(/^\.[A-Za-z0-9._-]+$/, 'an ending: .log')
      .optional()
      .describe('Ending that generations keep: `.log` makes app.1.log of app.log'),
    olddir: z
      .string()
      .regex(/^[^\s"']+$/, 'a folder without blanks or quotation marks in its path')
      .optional()
      .describe('Folder for the generations, on the same file system; relative to that of the log'),
    createolddir: ownership.optional().describe('Make that folder where it is missing: mode, owner, group'),
    create: ownership.optional().describe('Mode, owner and group of the new file: `0644 app app`'),
    nocreate: z.boolean().default(false).describe('Make no new file; the writer makes it'),
    su: z
      .string()
      .regex(/^[A-Za-z0-9_.-]+ [A-Za-z0-9_.-]+$/, 'a user and a group: app app')
      .optional()
      .describe('User and group as which logrotate works in folders that others can write'),
    sharedscripts: z.boolean().default(true).describe('Run the scripts once for all logs of the block'),
    prerotate: script.optional().describe('Shell command before the rotation; when it fails nothing is rotated'),
    postrotate: script.optional().describe('Shell command after the rotation, as a rule the signal to reopen'),
    firstaction: script.optional().describe('Shell command once before everything else, when anything is due'),
    lastaction: script.optional().describe('Shell command once after everything else, when anything was rotated'),
  })
  .superRefine((rotation, context) => {
    // Read after "`weekday` must be".
    const refuse = (key: keyof typeof rotation, message: string): void => {
      context.addIssue({ code: 'custom', path: [key], message, input: rotation[key] });
    };
    const { frequency, dateformat } = rotation;
    if (rotation.weekday !== undefined && frequency !== 'weekly') {
      refuse('weekday', 'left out unless `frequency` is weekly');
    }
    if (rotation.createolddir !== undefined && rotation.olddir === undefined) {
      refuse('createolddir', 'left out without `olddir`');
    }
    if (rotation.nocreate && rotation.create !== undefined) refuse('nocreate', 'false where `create` is given');
    if (dateformat === undefined) return;
    if (!rotation.dateext) refuse('dateformat', 'left out without `dateext: true`');
    const order = [...dateformat.matchAll(/%([YmdHMS])/g)].map(([, letter]) => 'YmdHMS'.indexOf(letter ?? ''));
    if (order.some((place, index) => place < (order[index - 1] ?? -1))) {
      refuse('dateformat', 'in the order year, month, day, hour, minute: logrotate removes first what sorts first');
    }
    if (frequency === 'hourly' && !/%[Hs]/.test(dateformat)) {
      refuse(
        'dateformat',
        'a form with %H or %s for hourly logs: the second rotation of a day would find its name taken',
      );
    }
  });

/** As logrotate numbers them. */
export function weekdayNumber(weekday: (typeof weekdays)[number]): number {
  return weekdays.indexOf(weekday);
}
