/**
 * The nouns that travel between agent and clients (words as in DESIGN.md §1).
 * Instants are ISO 8601 strings in UTC with milliseconds; durations are milliseconds; sizes are bytes.
 */
import * as z from 'zod';

export const instant = z.iso.datetime({ precision: 3 });

export const roles = ['viewer', 'operator', 'admin'] as const;
export const role = z.enum(roles);
export type Role = z.infer<typeof role>;

/** Worst last, so that an index compares two levels. */
export const findingLevels = ['ok', 'info', 'warning', 'critical'] as const;
export const findingLevel = z.enum(findingLevels);
export type FindingLevel = z.infer<typeof findingLevel>;

export const remedy = z.object({
  procedure: z.string(),
  options: z.record(z.string(), z.unknown()),
  title: z.string(),
});
export type Remedy = z.infer<typeof remedy>;

/**
 * One observation of a run or check. `code` is `<component>.<check>` (`disk.usage`, `database.bloat`); `subject` is what
 * was looked at (`/var`, `public.orders`). `value` and `threshold` share `unit`.
 */
export const finding = z.object({
  level: findingLevel,
  code: z.string(),
  subject: z.string(),
  message: z.string(),
  value: z.number().optional(),
  threshold: z.number().optional(),
  unit: z.string().optional(),
  remedy: remedy.optional(),
});
export type Finding = z.infer<typeof finding>;

export const progress = z.object({
  done: z.number(),
  total: z.number().optional(),
  unit: z.string().optional(),
  message: z.string().optional(),
  etaSeconds: z.number().optional(),
});
export type Progress = z.infer<typeof progress>;

export const outcomes = [
  'changed',
  'unchanged',
  'warning',
  'failed',
  'timed-out',
  'cancelled',
  'lost',
  'skipped',
  'missed',
] as const;
export const outcome = z.enum(outcomes);
export type Outcome = z.infer<typeof outcome>;
/** Outcomes that an on-call engineer must look at. */
export const badOutcomes: ReadonlySet<Outcome> = new Set(['failed', 'timed-out', 'lost', 'missed']);

export const triggers = ['schedule', 'manual', 'retry', 'catch-up', 'window', 'runbook', 'remedy', 'check'] as const;
export const trigger = z.enum(triggers);
export type Trigger = z.infer<typeof trigger>;

/** Approval before a run starts; it starts when as many people as `required` have given theirs. */
export const approval = z.object({
  required: z.int().min(1),
  /** Roles whose approval counts. */
  roles: z.array(role),
  given: z.array(z.object({ actor: z.string(), at: instant })),
  /** When the run is skipped for want of approval. */
  expiresAt: instant,
});
export type Approval = z.infer<typeof approval>;

/** What a queued run waits for: an earlier run of its task, a lock, a free place, the hour of its next attempt, people, its requirements. */
export const waits = ['turn', 'lock', 'limit', 'retry', 'approval', 'requires'] as const;

/** What a run starts, as it was asked for; values that are secrets are left out. */
export const runPlan = z.object({
  /** argv; for a procedure its name and nothing else, its options stand beside it. */
  command: z.array(z.string()),
  options: z.record(z.string(), z.unknown()).nullable(),
  /** OS user, null = that of the agent. */
  user: z.string().nullable(),
  timeoutMs: z.number().nullable(),
  locks: z.array(z.string()),
});
export type RunPlan = z.infer<typeof runPlan>;

export const runStates = ['queued', 'running', 'stopping', 'ended'] as const;
export const run = z.object({
  id: z.string(),
  /** The task's name; for a remedy or procedure run on demand the procedure's name; for a block the runbook's name. */
  task: z.string(),
  kind: z.enum(['task', 'procedure', 'block']),
  procedure: z.string().nullable(),
  trigger,
  attempt: z.int().min(1),
  /** Attempts that there may be in all. */
  attempts: z.int().min(1).nullish(),
  /** The run of the first attempt, when this is a later one. */
  retryOf: z.string().nullish(),
  scheduledFor: instant.nullable(),
  actor: z.string(),
  reason: z.string().nullable(),
  dryRun: z.boolean(),
  windowId: z.string().nullable(),
  state: z.enum(runStates),
  /** While it is queued: what for, in one sentence, and until when at the latest (null = as long as it takes). */
  waitingFor: z.enum(waits).nullish(),
  waitingReason: z.string().nullish(),
  waitingUntil: instant.nullish(),
  approval: approval.nullish(),
  outcome: outcome.nullable(),
  /** Why it ended so: one sentence (`exit code 2`, `stopped by alice`, `the host was restarted`). */
  outcomeReason: z.string().nullable(),
  exitCode: z.int().nullable(),
  signal: z.string().nullable(),
  queuedAt: instant,
  startedAt: instant.nullable(),
  endedAt: instant.nullable(),
  durationMs: z.number().nullable(),
  /** True once an agent that did not start this run has taken it over. */
  adopted: z.boolean(),
  /** Bytes of its output that were dropped between head and tail because of `output_limit`. */
  outputDropped: z.int().nullish(),
  findings: z.record(findingLevel, z.int()),
  progress: progress.nullable(),
});
export type Run = z.infer<typeof run>;

/** Times in which no schedule starts anything, and a person only with a reason. `until` null = no end is in sight. */
export const blackout = z.object({ names: z.array(z.string()), until: instant.nullable() });
export type Blackout = z.infer<typeof blackout>;

export const task = z.object({
  name: z.string(),
  description: z.string().nullable(),
  group: z.string().nullable(),
  /** Cron expression, `every 15m` or `at 2026-12-24T02:00`; null = by hand. */
  schedule: z.string().nullable(),
  /** IANA zone in which the schedule is read. */
  zone: z.string(),
  kind: z.enum(['procedure', 'script']),
  /** Procedure name or script path. */
  target: z.string(),
  alertOnFailure: z.boolean(),
  supportsDryRun: z.boolean(),
  line: z.int(),
  /** Why the task is refused; a refused task never runs. */
  problem: z.string().nullable(),
  /** With its jitter, and past snooze and blackouts; a pause of all schedules is not looked at. */
  nextRun: instant.nullable(),
  /** Until then its schedule starts nothing; absent from agents that know no snooze. An instant in the past is over. */
  snoozedUntil: instant.nullable().optional(),
  /** The blackout in which it was when this was told; over once its `until` has passed. The agent judges anew at each start. */
  blackout: blackout.nullable().optional(),
});
export type Task = z.infer<typeof task>;

/** All schedules stand still. */
export const schedulePause = z.object({ by: z.string(), since: instant, reason: z.string().nullable() });
export type SchedulePause = z.infer<typeof schedulePause>;

export const certificateStatuses = [
  'ok',
  'expiring',
  'expired',
  'not_yet_valid',
  'bad',
  'unparsable',
  'unreadable',
] as const;
export const certificateReasons = [
  'self_signed',
  'chain_incomplete',
  'wrong_order',
  'host_mismatch',
  'key_mismatch',
  'key_world_readable',
  'weak_key',
  'weak_signature',
  'needs_password',
  'served_differs',
  'missing',
] as const;
/** What a chain breaks of RFC 5280, 6, where `reasons` can say but `chain_incomplete`. */
export const chainFaults = [
  'not_an_authority',
  'key_usage',
  'path_length',
  'name_constraints',
  'purpose',
  'critical_extension',
] as const;
export type ChainFault = (typeof chainFaults)[number];

export const certificate = z.object({
  /** File path, or `host:port` (with `smtp://` and the like before it for STARTTLS). */
  source: z.string(),
  subject: z.string(),
  issuer: z.string(),
  names: z.array(z.string()),
  notBefore: instant.nullable(),
  notAfter: instant.nullable(),
  /** Whole days until notAfter, negative when past; null when nothing could be read. */
  daysLeft: z.int().nullable(),
  /** Certificates found in the source. */
  count: z.int(),
  status: z.enum(certificateStatuses),
  /** A closed list (DESIGN.md §9): a newer agent says more in fields of their own. */
  reasons: z.array(z.enum(certificateReasons)),
  /** `chainFaults` among them, only where there are any; a newer agent may know further words. */
  chainFaults: z.array(z.string()).optional(),
  key: z.enum(['match', 'mismatch', 'unknown']),
  /** SHA-256 of the leaf, lower-case hex without colons. */
  fingerprint: z.string().nullable(),
  /** Its public key: `RSA 2048 bits`, `EC P-256`; null = of another kind, absent = an older agent. */
  keyType: z.string().nullish(),
  /** Domain by which `renew-certificate` looks after it; null = nothing on this host renews it, absent = an older agent. */
  renewedAs: z.string().nullish(),
  /** Domain by which `deploy-certificate` has a target for it; null and absent as above. */
  deployedAs: z.string().nullish(),
  /** Days left below which it is `expiring`, and below which that is critical. */
  warnDays: z.number(),
  criticalDays: z.number(),
  level: findingLevel,
  message: z.string(),
  chain: z.array(z.object({ subject: z.string(), issuer: z.string(), notAfter: instant })),
});
export type Certificate = z.infer<typeof certificate>;

/** The last result of a task or check: what Health and Certificates show. */
export const report = z.object({
  /** `task:<name>` or `check:<name>`. */
  id: z.string(),
  procedure: z.string(),
  runId: z.string().nullable(),
  at: instant,
  outcome,
  findings: z.array(finding),
  certificates: z.array(certificate).nullable(),
});
export type Report = z.infer<typeof report>;

/** What was measured over time: each point sums up the samples of one stretch of time, `at` being the first of them. */
export const sampleSeries = z.object({
  /** The report that it comes from: `task:<name>` or `check:<name>`. */
  source: z.string(),
  code: z.string(),
  subject: z.string(),
  unit: z.string().nullable(),
  points: z.array(z.object({ at: instant, count: z.int().min(1), min: z.number(), mean: z.number(), max: z.number() })),
});
export type SampleSeries = z.infer<typeof sampleSeries>;

export const alert = z.object({
  id: z.string(),
  /** What makes it the same alert again: `task:<name>` or `check:<name>:<code>:<subject>`. */
  key: z.string(),
  level: findingLevel,
  title: z.string(),
  message: z.string(),
  state: z.enum(['firing', 'acknowledged', 'resolved']),
  since: instant,
  updatedAt: instant,
  count: z.int(),
  /** True while a maintenance window holds it back. */
  held: z.boolean(),
  runId: z.string().nullable(),
  acknowledgedBy: z.string().nullable(),
});
export type Alert = z.infer<typeof alert>;

export const windowStates = [
  'scheduled',
  'announced',
  'preparing',
  'active',
  'verifying',
  'closed',
  'aborted',
  'overrun',
] as const;
export const maintenanceWindow = z.object({
  id: z.string(),
  title: z.string(),
  reason: z.string(),
  state: z.enum(windowStates),
  openedBy: z.string(),
  startsAt: instant,
  endsAt: instant,
  closedAt: instant.nullable(),
  /** Why it closed: `ended by alice`, `its time was up`, `its time was up while the agent was down`. */
  closedReason: z.string().nullable(),
  plan: z.array(z.string()),
  planRuns: z.array(z.string()),
  mode: z.object({
    flagFile: z.string().nullable(),
    on: z.boolean(),
    problem: z.string().nullable(),
  }),
  heldAlerts: z.int(),
});
export type MaintenanceWindow = z.infer<typeof maintenanceWindow>;

export const runbookBlock = z.object({
  index: z.int(),
  language: z.string(),
  kind: z.enum(['shell', 'console', 'none', 'other']),
  runnable: z.boolean(),
  /** 1-based lines of the opening and the closing fence. */
  line: z.int(),
  endLine: z.int(),
  heading: z.string().nullable(),
  sha256: z.string(),
  text: z.string(),
  /** Why a shell block is not runnable: one sentence. */
  problem: z.string().optional(),
});
export type RunbookBlock = z.infer<typeof runbookBlock>;

export const runbook = z.object({
  /** Absolute path on the host, also its identity. */
  path: z.string(),
  title: z.string(),
  sha256: z.string(),
  modifiedAt: instant,
  blocks: z.int(),
  checklist: z.object({ checked: z.int(), total: z.int() }),
});
export type Runbook = z.infer<typeof runbook>;

export const diagnostic = z.object({
  line: z.int(),
  column: z.int(),
  severity: z.enum(['error', 'warning']),
  code: z.string(),
  task: z.string().nullable(),
  message: z.string(),
});
export type Diagnostic = z.infer<typeof diagnostic>;

export const configState = z.object({
  file: z.string().nullable(),
  /** SHA-256 of the text in force. */
  revision: z.string().nullable(),
  loadedAt: instant.nullable(),
  /** True while the file on disk is refused and the last good one stays in force. */
  stale: z.boolean(),
  /** Why no scheduled run starts by the text in force: one sentence; null or absent = they do. */
  schedulesHeld: z.string().nullable().optional(),
  diagnostics: z.array(diagnostic),
});
export type ConfigState = z.infer<typeof configState>;

export const hostInfo = z.object({
  name: z.string(),
  platform: z.string(),
  agentVersion: z.string(),
  pid: z.int(),
  startedAt: instant,
  /** SHA-256 of the certificate that the agent's TLS port shows (`AB:CD:…`); null = it has none, absent = an older agent. */
  certificateFingerprint: z.string().nullish(),
});
export type HostInfo = z.infer<typeof hostInfo>;

/** A procedure as clients see it; `optionsSchema` is JSON Schema (draft 7), made from the zod schema. */
export const procedureInfo = z.object({
  name: z.string(),
  area: z.string(),
  title: z.string(),
  summary: z.string(),
  changes: z.boolean(),
  optionsSchema: z.record(z.string(), z.unknown()),
});
export type ProcedureInfo = z.infer<typeof procedureInfo>;
