/** `logs`: what rotate-logs makes logrotate do. */
import * as z from 'zod';

export const logRotation = z.strictObject({
  paths: z.array(z.string().min(1)).min(1).describe('Files or globs'),
  frequency: z.enum(['hourly', 'daily', 'weekly', 'monthly', 'yearly']).default('daily'),
  size: z
    .string()
    .regex(/^\d+[kMG]?$/, 'a number of bytes, also with k, M or G: 100M')
    .optional()
    .describe('Rotate when larger than this, whatever the time'),
  rotate: z.int().min(0).default(14).describe('Generations that are kept'),
  compress: z.boolean().default(true),
  delaycompress: z.boolean().default(true),
  missingok: z.boolean().default(true),
  notifempty: z.boolean().default(true),
  copytruncate: z.boolean().default(false),
  dateext: z.boolean().default(false),
  create: z
    .string()
    .regex(/^0?[0-7]{3}( [A-Za-z0-9_.-]+ [A-Za-z0-9_.-]+)?$/, 'a mode, with owner and group if wanted: 0644 app app')
    .optional()
    .describe('Mode, owner and group of the new file: `0644 app app`'),
  su: z
    .string()
    .regex(/^[A-Za-z0-9_.-]+ [A-Za-z0-9_.-]+$/, 'a user and a group: app app')
    .optional()
    .describe('User and group as which logrotate works in folders that others can write'),
  sharedscripts: z.boolean().default(true),
  postrotate: z.string().optional().describe('Shell command after the rotation, as a rule the signal to reopen'),
});

export const logSettings = z.strictObject({
  rotate: z.array(logRotation).optional(),
  config: z.string().optional().describe('An existing logrotate configuration, instead of `rotate`'),
  state: z.string().optional().describe("logrotate's state file; by default one in the agent's state folder"),
});
