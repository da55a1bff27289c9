/** The method table of the wire: name → parameters, result, least role. Server, client, OpenRPC and PROTOCOL.md derive from it. */
import * as z from 'zod';
import { eventEnvelope } from './events.ts';
import {
  alert,
  configState,
  finding,
  hostInfo,
  instant,
  maintenanceWindow,
  procedureInfo,
  report,
  role,
  run,
  runPlan,
  runbook,
  runbookBlock,
  sampleSeries,
  schedulePause,
  task,
  type Role,
} from './nouns.ts';

/** Raised when a peer of another version could misread a message. */
export const protocolVersion = 1;
/** The oldest peer that this code still serves. */
export const oldestProtocol = 1;
/** Largest message that the agent accepts, in bytes. */
export const maxMessageBytes = 1024 * 1024;
/** Largest message that the agent sends and a client accepts, in bytes: a snapshot of a big host is larger than any request. */
export const maxAnswerBytes = 8 * 1024 * 1024;
/** Requests of one connection that may wait for an answer at once. */
export const maxOpenRequests = 256;
/** Of these, `runs.output` with `wait`: they may stay open for hours, each with some kilobytes of the agent's memory. */
export const maxWaitingReads = 32;
/** Largest piece of output in one answer, in bytes of the file. */
export const maxOutputBytes = 256 * 1024;

interface MethodDefinition {
  readonly params: z.ZodType;
  readonly result: z.ZodType;
  readonly role: Role;
  readonly summary: string;
}

const none = z.object({});
const requestId = z.string().min(8).max(64);
const reason = z.string().max(2000);

export const snapshot = z.object({
  epoch: z.string(),
  seq: z.int(),
  at: instant,
  host: hostInfo,
  config: configState,
  tasks: z.array(task),
  /** Null = the schedules run; absent from agents that know no pause. */
  paused: schedulePause.nullable().optional(),
  /** The newest runs, newest first: at least the last five of each task, and every open one. */
  runs: z.array(run),
  reports: z.array(report),
  alerts: z.array(alert),
  windows: z.array(maintenanceWindow),
  runbooks: z.array(runbook),
  procedures: z.array(procedureInfo),
});
export type Snapshot = z.infer<typeof snapshot>;

export const methods = {
  hello: {
    summary: 'First request of a connection: exchanges versions.',
    role: 'viewer',
    params: z.object({ client: z.string().max(200), protocol: z.int(), oldestProtocol: z.int() }),
    result: z.object({
      protocol: z.int(),
      capabilities: z.array(z.string()),
      host: hostInfo,
      role,
      actor: z.string(),
      now: instant,
    }),
  },
  snapshot: {
    summary: 'The whole state, with the number of the last event that it includes.',
    role: 'viewer',
    params: none,
    result: snapshot,
  },
  'events.subscribe': {
    summary:
      'Sends every event after `after`, then each new one. `gap` means that older ones are gone: take a snapshot.',
    role: 'viewer',
    params: z.object({ epoch: z.string(), after: z.int().min(0) }),
    result: z.object({ gap: z.boolean(), seq: z.int() }),
  },
  'tasks.run': {
    summary: 'Starts a task now. The same requestId never starts it twice.',
    role: 'operator',
    params: z.object({ task: z.string(), requestId, dryRun: z.boolean().optional(), reason: reason.optional() }),
    result: z.object({ run }),
  },
  'tasks.snooze': {
    summary: 'Holds the scheduled runs of a task back until an instant; null ends that.',
    role: 'operator',
    params: z.object({ task: z.string(), until: instant.nullable(), reason: reason.optional() }),
    result: z.object({ task }),
  },
  'schedule.pause': {
    summary: 'Holds all scheduled runs back until `schedule.resume`.',
    role: 'operator',
    params: z.object({ reason: reason.optional() }),
    result: z.object({ paused: schedulePause }),
  },
  'schedule.resume': {
    summary: 'Lets the schedules run again; what was due meanwhile stays skipped.',
    role: 'operator',
    params: z.object({ reason: reason.optional() }),
    result: z.object({ paused: z.null() }),
  },
  'procedures.run': {
    summary: 'Runs a procedure with the given options, as a remedy or on demand.',
    role: 'admin',
    params: z.object({
      procedure: z.string(),
      options: z.record(z.string(), z.unknown()),
      requestId,
      dryRun: z.boolean().optional(),
      reason: reason.optional(),
    }),
    result: z.object({ run }),
  },
  'procedures.preview': {
    summary: 'Judges options of a procedure and says what a run with them does to the host; runs nothing.',
    role: 'operator',
    params: z.object({ procedure: z.string(), options: z.record(z.string(), z.unknown()) }),
    result: z.object({
      procedure: z.string(),
      title: z.string(),
      changes: z.boolean(),
      /** Sentences for the person who decides: what is locked, for how long, what is deleted; null = nothing is known. */
      impact: z.string().nullable(),
    }),
  },
  'procedures.choices': {
    summary: 'Values that exist on the host for options of a procedure (dates of backups); runs nothing.',
    role: 'operator',
    params: z.object({ procedure: z.string() }),
    result: z.object({
      /** By option, the likeliest first; an option that is not there takes any value of its schema. */
      choices: z.record(z.string(), z.array(z.object({ value: z.string(), description: z.string() }))),
    }),
  },
  'checks.run': {
    summary: 'Runs a check now; its report follows as an event.',
    role: 'operator',
    params: z.object({ check: z.string().optional() }),
    result: z.object({ checks: z.array(z.string()) }),
  },
  'samples.list': {
    summary: 'What checks and tasks have measured over time, summed up into so many points; at most 200 series.',
    role: 'viewer',
    params: z.object({
      source: z.string().optional(),
      code: z.string().optional(),
      subject: z.string().optional(),
      from: instant,
      to: instant.optional(),
      points: z.int().min(1).max(1000).optional(),
    }),
    result: z.object({ series: z.array(sampleSeries) }),
  },
  'runs.list': {
    summary: 'Runs, newest first.',
    role: 'viewer',
    params: z.object({
      task: z.string().optional(),
      limit: z.int().min(1).max(500).optional(),
      before: instant.optional(),
    }),
    result: z.object({ runs: z.array(run) }),
  },
  'runs.get': {
    summary: 'One run with its findings, and what it starts.',
    role: 'viewer',
    params: z.object({ runId: z.string() }),
    result: z.object({
      run,
      findings: z.array(finding),
      /** Null when it is not recorded any more; absent from agents that do not tell. */
      plan: runPlan.nullable().optional(),
    }),
  },
  'runs.output': {
    summary:
      'Output of a run from a byte offset. With `wait`, the answer comes when there is more or the run has ended.',
    role: 'viewer',
    params: z.object({
      runId: z.string(),
      offset: z.int().min(0),
      limit: z.int().min(1).max(maxOutputBytes).optional(),
      wait: z.boolean().optional(),
    }),
    result: z.object({
      offset: z.int(),
      nextOffset: z.int(),
      /** `utf8` where the bytes are valid UTF-8 (cut at a character), else `base64`. */
      encoding: z.enum(['utf8', 'base64']),
      text: z.string(),
      size: z.int(),
      ended: z.boolean(),
      /** Bytes from `offset` that `output_limit` dropped; `text` is then a mark that says so. */
      dropped: z.int().optional(),
    }),
  },
  'runs.report': {
    summary: 'The report that a run has written, whole (analyze-logs).',
    role: 'operator',
    params: z.object({ runId: z.string() }),
    result: z.object({ name: z.string(), format: z.enum(['markdown', 'json']), text: z.string() }),
  },
  'runs.cancel': {
    summary: 'Stops a run: TERM to its group, grace, KILL.',
    role: 'operator',
    params: z.object({ runId: z.string(), reason: reason.optional() }),
    result: z.object({ run }),
  },
  'runs.approve': {
    summary: 'Approves a run that waits for approval; it starts with the last approval that it needs.',
    role: 'operator',
    params: z.object({ runId: z.string(), reason: reason.optional() }),
    result: z.object({ run }),
  },
  'runs.reject': {
    summary: 'Refuses a run that waits for approval: it ends as cancelled.',
    role: 'operator',
    params: z.object({ runId: z.string(), reason: reason.optional() }),
    result: z.object({ run }),
  },
  'alerts.acknowledge': {
    summary: 'Marks an alert as seen.',
    role: 'operator',
    params: z.object({ alertId: z.string() }),
    result: z.object({ alert }),
  },
  'windows.open': {
    summary: 'Opens a maintenance window now.',
    role: 'operator',
    params: z.object({
      requestId,
      title: z.string().max(200).optional(),
      reason: reason.min(1),
      minutes: z
        .number()
        .positive()
        .max(7 * 24 * 60),
      plan: z.array(z.string()).optional(),
    }),
    result: z.object({ window: maintenanceWindow }),
  },
  'windows.extend': {
    summary: 'Moves the end of an open window by so many minutes.',
    role: 'operator',
    params: z.object({
      windowId: z.string(),
      minutes: z
        .number()
        .positive()
        .max(24 * 60),
    }),
    result: z.object({ window: maintenanceWindow }),
  },
  'windows.end': {
    summary: 'Ends an open window: mode off, held alerts looked at again.',
    role: 'operator',
    params: z.object({ windowId: z.string(), reason: reason.optional() }),
    result: z.object({ window: maintenanceWindow }),
  },
  'windows.list': {
    summary: 'Windows, newest first.',
    role: 'viewer',
    params: z.object({ limit: z.int().min(1).max(500).optional() }),
    result: z.object({ windows: z.array(maintenanceWindow) }),
  },
  'runbooks.get': {
    summary: 'Text and blocks of a runbook of the host.',
    role: 'viewer',
    params: z.object({ path: z.string() }),
    result: z.object({ runbook, text: z.string(), blocks: z.array(runbookBlock) }),
  },
  'runbooks.runBlock': {
    summary: 'Runs the text of a runbook block; `sha256` is that of the text the person confirmed.',
    role: 'admin',
    params: z.object({
      requestId,
      /** Name or path of the runbook, for the record. */
      runbook: z.string().max(4096),
      index: z.int().min(0),
      language: z.string().max(50),
      text: z.string().max(256 * 1024),
      sha256: z.string().length(64),
    }),
    result: z.object({ run }),
  },
  'config.reload': {
    summary: 'Reads the configuration again now.',
    role: 'operator',
    params: none,
    result: z.object({ config: configState }),
  },
} as const satisfies Record<string, MethodDefinition>;

export type MethodName = keyof typeof methods;
export type MethodParams<M extends MethodName> = z.infer<(typeof methods)[M]['params']>;
export type MethodResult<M extends MethodName> = z.infer<(typeof methods)[M]['result']>;

/** Notifications that the agent sends. */
export const notifications = { event: eventEnvelope } as const;
