/** Which changes of a host deserve a notification. Pure. */
import type { Alert, ConfigState } from '../../agent/protocol/nouns.ts';
import type { HostView } from '../state/host.ts';
import type { HostData } from '../state/hostData.ts';
import { approvalsFor, type WaitingRun } from './approvals.ts';
import { shortPath } from './text.ts';

export type Announcing = 'all' | 'tasks' | 'none';

/**
 * Alerts that fire now and did not before; those of the first snapshot are old news, the badge shows them. An alert that a
 * window held back is announced when it is let go, one that becomes worse when it does. `announced` remembers, and forgets
 * what is resolved.
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
    if (alert.state !== 'firing' || alert.held || announced.has(alert.id) || !isWanted(alert, 'all')) continue;
    announced.add(alert.id);
    if (previous !== null && isWanted(alert, level)) fresh.push(alert);
  }
  return fresh;
}

/**
 * Runs that this person may approve and was not told of; unlike alerts also those of the first snapshot, as they wait for
 * someone. `told` remembers them as long as they wait.
 */
export function approvalsToAnnounce(host: HostView, told: Set<string>, level: Announcing): readonly WaitingRun[] {
  // What waits while nobody can ask is remembered.
  if (host.connection.kind !== 'online') return [];
  const waiting = approvalsFor([host]).map(({ run }) => run);
  const fresh = waiting.filter(({ id }) => !told.has(id));
  told.clear();
  for (const { id } of waiting) told.add(id);
  return level === 'none' ? [] : fresh;
}

/** `db-01: Disk usage: /var: 91 % of /var is used`: the message only when it adds something, paths in short. */
export function alertText(host: string, alert: Alert): string {
  const title = withShortPaths(alert.title);
  const [, subject = '', rest = ''] = /^(\S+): (.*)$/s.exec(withShortPaths(alert.message)) ?? [];
  const message = subject !== '' && title.includes(subject) ? rest : withShortPaths(alert.message);
  const known = new Set(wordsOf(title));
  const adds = wordsOf(message).some((word) => !known.has(word));
  return [host, title, ...(adds ? [message] : [])].join(': ');
}

/** `db-01: 8 new alerts: Disk usage: /var; Certificates expiry: mail/fullchain.pem; and 6 more`. */
export function alertsText(host: string, alerts: readonly Alert[]): string {
  const titles = alerts.slice(0, 2).map(({ title }) => withShortPaths(title));
  const rest = alerts.length - titles.length;
  return `${host}: ${alerts.length} new alerts: ${[...titles, ...(rest > 0 ? [`and ${rest} more`] : [])].join('; ')}`;
}

function withShortPaths(text: string): string {
  return text.replace(longPath, shortPath);
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
  return level === 'all' && (alert.level === 'critical' || alert.runId !== null);
}

/** Absolute paths of more than two parts. */
const longPath = /(?:\/[^\s/:,;'"`]+){3,}/g;

function wordsOf(text: string): readonly string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}_]+/gu) ?? [];
}

function errorKey(config: ConfigState): string {
  const errors = config.diagnostics.filter((one) => one.severity === 'error');
  return JSON.stringify([config.file, config.stale, errors.map((one) => [one.line, one.column, one.message])]);
}
