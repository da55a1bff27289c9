/** Until when each task's schedule has been looked at: what tells a missed run from one that is still to come. */
import type { Database } from './database.ts';

export function consideredUntil(database: Database, task: string): number | null {
  const value = database.get('SELECT considered_until FROM schedule WHERE task = ?', task)?.['considered_until'];
  return typeof value === 'number' ? value : null;
}

export function setConsideredUntil(database: Database, task: string, until: number): void {
  database.change(
    'INSERT INTO schedule (task, considered_until) VALUES (?, ?) ON CONFLICT (task) DO UPDATE SET considered_until = excluded.considered_until',
    task,
    until,
  );
}
