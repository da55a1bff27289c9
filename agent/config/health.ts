/** `thresholds` and `health`: when resources are short, and which services must answer. */
import * as z from 'zod';
import { duration, percent } from './units.ts';

/** The four of the seed, with its values as defaults. */
export const thresholds = z.strictObject({
  disk_usage_percent: percent.default(80),
  memory_usage_percent: percent.default(85),
  cpu_usage_percent: percent.default(90),
  database_connections_percent: percent.default(80),
});

export const service = z.strictObject({
  name: z.string().min(1),
  http: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('URL that must answer with `status`'),
  tcp: z
    .string()
    .regex(/^.+:\d+$/, 'HOST:PORT')
    .optional()
    .describe('HOST:PORT that must accept a connection'),
  unit: z.string().optional().describe('systemd unit that must be active'),
  process: z.string().optional().describe('Name of a process that must run'),
  container: z.string().optional().describe('Docker container that must run (and be healthy, if it says)'),
  status: z.int().min(100).max(599).default(200),
  body: z.string().optional().describe('Text that the answer must contain'),
  max_latency: duration.optional().describe('Slower than this is a warning'),
  timeout: duration.default(5_000),
  ca: z.string().optional().describe('PEM file of further certificate authorities that are trusted'),
});

export const healthSettings = z.strictObject({
  services: z.array(service).default([]),
  exclude_mounts: z.array(z.string()).default([]).describe('Mount points whose fill level does not matter'),
});
