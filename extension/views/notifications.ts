/** Which changes of a host deserve a notification. Pure. */
import type { Alert, ConfigState } from '../../agent/protocol/nouns.ts';
import type { HostData } from '../state/hostData.ts';

export type Announcing = 'all' | 'tasks' | 'none';

/**
 * Alerts that fire now and did not before; those of the first snapshot are old news, the badge shows them. An alert that a
 * window held back is announced when it is let go. `announced` remembers, and forgets what is resolved.
 */
export function alertsToAnnounce(
  previous: HostData | null,
  next: HostData,
  announced: Set<string>,
  level: Announcing,
): readonly Alert[] {
  const fresh: Alert[] = [];
  for (const alert of next.alerts) {
    if (alert.state === 'resolved') announced.delete(alert.id);
    if (alert.state !== 'firing' || alert.held || announced.has(alert.id)) continue;
    announced.add(alert.id);
    if (previous !== null && isWanted(alert, level)) fresh.push(alert);
  }
  return fresh;
}

/** A sentence when the configuration on disk is refused, once for each way in which it is. */
export function configurationTrouble(previous: ConfigState | null, next: ConfigState): string | null {
  const errors = next.diagnostics.filter((one) => one.severity === 'error');
  const [first] = errors;
  if (first === undefined) return null;
  if (previous !== null && errorKey(previous) === errorKey(next)) return null;
  const rest = errors.length === 1 ? '' : ` (and ${errors.length - 1} more)`;
  const effect = next.stale ? 'is refused, the last good one stays in force' : 'has errors';
  return `the configuration ${effect}: line ${first.line}: ${first.message}${rest}`;
}

function isWanted(alert: Alert, level: Announcing): boolean {
  if (level === 'none') return false;
  if (alert.key.startsWith('task:')) return true;
  return level === 'all' && alert.level === 'critical';
}

function errorKey(config: ConfigState): string {
  const errors = config.diagnostics.filter((one) => one.severity === 'error');
  return JSON.stringify([config.file, config.stale, errors.map((one) => [one.line, one.column, one.message])]);
}
