/** Every change of state that clients are told. An event carries the whole new noun, so applying it twice is harmless. */
import * as z from 'zod';
import {
  alert,
  configState,
  instant,
  maintenanceWindow,
  progress,
  report,
  run,
  runbook,
  schedulePause,
  task,
} from './nouns.ts';

export const eventSchemas = {
  'agent.started': z.object({ startedAt: instant, version: z.string() }),
  'run.changed': z.object({ run }),
  'run.progress': z.object({ runId: z.string(), progress }),
  'tasks.changed': z.object({ tasks: z.array(task) }),
  'schedule.changed': z.object({ paused: schedulePause.nullable() }),
  'config.changed': z.object({ config: configState }),
  'report.changed': z.object({ report }),
  'report.removed': z.object({ id: z.string() }),
  'alert.changed': z.object({ alert }),
  'window.changed': z.object({ window: maintenanceWindow }),
  'runbooks.changed': z.object({ runbooks: z.array(runbook) }),
} as const satisfies Record<string, z.ZodType>;

export type EventType = keyof typeof eventSchemas;
export type EventData<T extends EventType> = z.infer<(typeof eventSchemas)[T]>;
/** `seq` counts from 1 within an epoch; the epoch is the store's, and changes only when the store was made anew. */
export type AgentEvent = {
  [T in EventType]: { readonly seq: number; readonly at: string; readonly type: T; readonly data: EventData<T> };
}[EventType];

export const eventEnvelope = z.object({ seq: z.int(), at: instant, type: z.string(), data: z.unknown() });

/** Reads one event from the wire; null when its type is newer than this code (it is then skipped, its number kept). */
export function parseEvent(envelope: z.infer<typeof eventEnvelope>): AgentEvent | null {
  if (!Object.hasOwn(eventSchemas, envelope.type)) return null;
  const type = envelope.type as EventType;
  const data = eventSchemas[type].parse(envelope.data);
  return { seq: envelope.seq, at: envelope.at, type, data } as AgentEvent;
}
