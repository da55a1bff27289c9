/** Where a mistake hides how long history is meant to be kept, nothing of it is deleted by a default, and an alert says so. */
import type { LogSettings } from '../config/logs.ts';
import { missingFrom, type SettingPath } from '../config/relied.ts';
import type { RetentionSettings } from '../config/retention.ts';
import type { Config } from '../config/schema.ts';
import type { Alerts } from './alerts.ts';

const key = 'store:kept';

/** Null = everything is kept. */
export function retentionInForce(config: Config): RetentionSettings | null {
  return missingFrom(config, ['retention']).length > 0 ? null : config.retention;
}

/** Without `trim` where nobody knows what is meant. */
export function logsInForce(config: Config): Pick<LogSettings, 'audit' | 'archive'> {
  const { audit, archive } = config.logs;
  const { trim, ...rest } = audit;
  return { archive, audit: trim === undefined || missingFrom(config, auditSettings(config)).length > 0 ? rest : audit };
}

/** Raises the alert, or resolves it when all is well again. */
export function tellOfHistory(config: Config, alerts: Pick<Alerts, 'raise' | 'resolve' | 'open'>): void {
  const places = missingFrom(config, ['retention', ...auditSettings(config)]).map(({ path }) => path);
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
function auditSettings({ logs }: Config): readonly SettingPath[] {
  return logs.audit.trim === undefined ? ['logs.audit'] : ['logs.audit', 'logs.archive.destination'];
}
