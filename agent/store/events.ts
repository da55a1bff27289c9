/** Events, numbered by the store before anyone sees them. */
import { eventSchemas, type AgentEvent, type EventData, type EventType } from '../protocol/events.ts';
import type { Database, Row } from './database.ts';

const selectUpTo = 'SELECT seq, at, type, data FROM events WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?';
const select = 'SELECT seq, at, type, data FROM events WHERE seq > ? ORDER BY seq LIMIT ?';

export function appendEvent<T extends EventType>(
  database: Database,
  at: number,
  type: T,
  data: EventData<T>,
): AgentEvent {
  const { rowId } = database.change(
    'INSERT INTO events (at, type, data) VALUES (?, ?, ?)',
    at,
    type,
    JSON.stringify(data),
  );
  return { seq: rowId, at: new Date(at).toISOString(), type, data } as AgentEvent;
}

export function readEvents(database: Database, after: number, limit: number): readonly AgentEvent[] {
  return database.all(select, after, limit).flatMap(eventOf);
}

/** As `readEvents`, while others wait for their commit: `newest` is the last that has it. */
export function readCommittedEvents(
  database: Database,
  after: number,
  newest: number,
  limit: number,
): readonly AgentEvent[] {
  return database.peekAll(selectUpTo, after, newest, limit).flatMap(eventOf);
}

/** Number of the newest event ever appended, 0 before the first; deleting old ones does not lower it. */
export function latestEvent(database: Database): number {
  return Number(database.get("SELECT seq FROM sqlite_sequence WHERE name = 'events'")?.['seq'] ?? 0);
}

/** Number of the oldest event that is still there; `latest + 1` when none is. */
export function oldestEvent(database: Database): number {
  const oldest = database.get('SELECT min(seq) AS seq FROM events')?.['seq'];
  return typeof oldest === 'number' ? oldest : latestEvent(database) + 1;
}

export function deleteEventsBefore(database: Database, seq: number): number {
  return database.change('DELETE FROM events WHERE seq < ?', seq).changes;
}

function eventOf(row: Row): AgentEvent[] {
  const type = String(row['type']);
  if (!Object.hasOwn(eventSchemas, type)) return [];
  const at = new Date(Number(row['at'])).toISOString();
  return [{ seq: Number(row['seq']), at, type, data: JSON.parse(String(row['data'])) as unknown } as AgentEvent];
}
