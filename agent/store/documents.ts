/** Reports, alerts and windows: few, small and read whole, hence stored as validated JSON documents. */
import type * as z from 'zod';
import {
  alert,
  maintenanceWindow,
  report,
  type Alert,
  type MaintenanceWindow,
  type Report,
} from '../protocol/nouns.ts';
import type { Database, Row } from './database.ts';

export function saveReport(database: Database, item: Report): void {
  database.change(
    'INSERT INTO reports (id, at, document) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET at = excluded.at, document = excluded.document',
    item.id,
    Date.parse(item.at),
    JSON.stringify(item),
  );
}
export function listReports(database: Database): readonly Report[] {
  return database.all('SELECT document FROM reports ORDER BY id').map((row) => read(report, row));
}
export function deleteReport(database: Database, id: string): void {
  database.change('DELETE FROM reports WHERE id = ?', id);
}

export function saveAlert(database: Database, item: Alert): void {
  database.change(
    `INSERT INTO alerts (id, key, state, updated_at, document) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET state = excluded.state, updated_at = excluded.updated_at, document = excluded.document`,
    item.id,
    item.key,
    item.state,
    Date.parse(item.updatedAt),
    JSON.stringify(item),
  );
}
export function getAlert(database: Database, id: string): Alert | null {
  const row = database.get('SELECT document FROM alerts WHERE id = ?', id);
  return row === undefined ? null : read(alert, row);
}
export function findOpenAlert(database: Database, key: string): Alert | null {
  const row = database.get("SELECT document FROM alerts WHERE key = ? AND state <> 'resolved'", key);
  return row === undefined ? null : read(alert, row);
}
export function listOpenAlerts(database: Database): readonly Alert[] {
  return database
    .all("SELECT document FROM alerts WHERE state <> 'resolved' ORDER BY updated_at DESC")
    .map((row) => read(alert, row));
}

export function saveWindow(database: Database, item: MaintenanceWindow, requestId: string | null): void {
  database.change(
    `INSERT INTO windows (id, state, starts_at, request_id, document) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET state = excluded.state, starts_at = excluded.starts_at, document = excluded.document`,
    item.id,
    item.state,
    Date.parse(item.startsAt),
    requestId,
    JSON.stringify(item),
  );
}
export function getWindow(database: Database, id: string): MaintenanceWindow | null {
  const row = database.get('SELECT document FROM windows WHERE id = ?', id);
  return row === undefined ? null : read(maintenanceWindow, row);
}
export function findWindowByRequest(database: Database, requestId: string): MaintenanceWindow | null {
  const row = database.get('SELECT document FROM windows WHERE request_id = ?', requestId);
  return row === undefined ? null : read(maintenanceWindow, row);
}
export function listWindows(database: Database, limit: number): readonly MaintenanceWindow[] {
  return database
    .all('SELECT document FROM windows ORDER BY starts_at DESC LIMIT ?', limit)
    .map((row) => read(maintenanceWindow, row));
}
export function listOpenWindows(database: Database): readonly MaintenanceWindow[] {
  return database
    .all("SELECT document FROM windows WHERE state NOT IN ('closed', 'aborted') ORDER BY starts_at")
    .map((row) => read(maintenanceWindow, row));
}

function read<T extends z.ZodType>(schema: T, row: Row): z.infer<T> {
  return schema.parse(JSON.parse(String(row['document'])));
}
