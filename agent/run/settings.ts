/** How a run is to be carried out: decided when it is asked for, kept in its run.json, so that a wait or a restart changes nothing of it. */
import * as z from 'zod';
import { role } from '../protocol/nouns.ts';

export const overlapPolicies = ['forbid', 'queue', 'replace', 'allow'] as const;

/** Times in milliseconds. */
const retryPolicy = z.object({
  /** Attempts after the first. */
  count: z.int().min(1),
  delayMs: z.number().min(0),
  /** Factor by which each delay is longer than the one before. */
  backoff: z.number().min(1),
  longestMs: z.number().min(0),
  /** 0.1 = each delay is up to a tenth longer or shorter. */
  jitter: z.number().min(0).max(1),
});
export type RetryPolicy = z.infer<typeof retryPolicy>;

/** What must hold before a start; sizes in bytes. */
const requirements = z.object({
  disk: z.array(z.object({ path: z.string(), freeBytes: z.number().nullable(), freePercent: z.number().nullable() })),
  /** Highest load average over one minute. */
  load: z.number().nullable(),
  memoryBytes: z.number().nullable(),
  mount: z.array(z.string()),
  command: z.array(z.string()),
  file: z.array(z.string()),
});
export type Requirements = z.infer<typeof requirements>;

const approvalRule = z.object({
  required: z.int().min(1).max(2),
  roles: z.array(role).min(1),
  expiresMs: z.number().positive(),
});
export type ApprovalRule = z.infer<typeof approvalRule>;

/** What is run after a cancel or a time-out; a clean-up has none of its own. */
const cleanUp = z.object({
  task: z.string(),
  command: z.array(z.string()).min(1),
  /** The command is arguments for this very Upkeep. */
  self: z.boolean(),
  /** Of a procedure. */
  options: z.record(z.string(), z.unknown()).nullable().default(null),
  /** File whose owner is checked before the start. */
  script: z.string().nullable(),
  procedure: z.string().nullable(),
  timeoutMs: z.number().nullable(),
  locks: z.array(z.string()),
  user: z.string().nullable(),
  /** Task whose `env` it gets. */
  environmentOf: z.string(),
});
export type CleanUp = z.infer<typeof cleanUp>;

export const runSettings = z.object({
  overlap: z.enum(overlapPolicies).default('allow'),
  locks: z.array(z.string()).default([]),
  group: z.string().nullable().default(null),
  /** False = the limits of concurrency do not concern it: blocks and remedies that a person asks for now. */
  counted: z.boolean().default(false),
  retries: retryPolicy.nullable().default(null),
  requires: requirements.nullable().default(null),
  approval: approvalRule.nullable().default(null),
  onAbort: cleanUp.nullable().default(null),
  /** OS user by name; null = the agent's. */
  user: z.string().nullable().default(null),
  /** Absolute; null = the folder of the configuration. */
  cwd: z.string().nullable().default(null),
  nice: z.int().min(-20).max(19).nullable().default(null),
  ionice: z
    .object({ class: z.enum(['realtime', 'best-effort', 'idle']), level: z.int().min(0).max(7).nullable() })
    .nullable()
    .default(null),
  /** Bytes of output kept; null = the agent's own limit. */
  outputLimit: z.number().positive().nullable().default(null),
});
export type RunSettings = Readonly<z.infer<typeof runSettings>>;

export const defaultSettings: RunSettings = runSettings.parse({});
