/** Where a mistake hides how long history is meant to be kept, nothing of it is deleted by a default, and an alert says so. */
import type { ConfigKeeper } from '../config/keeper.ts';
import type { LogSettings } from '../config/logs.ts';
import { missingFrom, type SettingPath } from '../config/relied.ts';
import type { RetentionSettings } from '../config/retention.ts';
import type { Alerts } from './alerts.ts';

const key = 'store:kept';

export type InForce = Pick<ConfigKeeper, 'current' | 'isUnusable'>;

/** Null = everything is kept. */
export function retentionInForce(keeper: InForce): RetentionSettings | null {
  return holds(keeper, ['retention']).length > 0 ? null : keeper.current().retention;
}

/** Without `trim` where nobody knows what is meant. */
export function logsInForce(keeper: InForce): Pick<LogSettings, 'audit' | 'archive'> {
  const { audit, archive } = keeper.current().logs;
  const { trim, ...rest } = audit;
  return { archive, audit: holds(keeper, auditSettings(keeper)).length > 0 || trim === undefined ? rest : audit };
}

/** Raises the alert, or resolves it when all is well again. */
export function tellOfHistory(keeper: InForce, alerts: Pick<Alerts, 'raise' | 'resolve' | 'open'>): void {
  const places = holds(keeper, ['retention', ...auditSettings(keeper)]);
  if (places.length === 0) {
    alerts.resolve(key);
    return;
  }
  const title = 'Old history is not deleted';
  const message = `There is a mistake in ${places.join(', ')} of maintenance.yaml, and so nothing of what it is about is deleted, however old: correct it before the disk is full; upkeep config check says what it is.`;
  if (alerts.open().some((alert) => alert.key === key && alert.message === message)) return;
  alerts.raise({ key, level: 'warning', title, message, runId: null });
}

/** Where archives are has a bearing on it only when entries leave the store at all. */
function auditSettings(keeper: InForce): readonly SettingPath[] {
  const { trim } = keeper.current().logs.audit;
  return trim === undefined ? ['logs.audit'] : ['logs.audit', 'logs.archive.destination'];
}

/** The places of the mistakes; the whole text is one when nothing of it can be used. */
function holds(keeper: InForce, settings: readonly SettingPath[]): readonly string[] {
  if (keeper.isUnusable()) return ['the text'];
  return missingFrom(keeper.current(), settings).map(({ path }) => path);
}
