/** Where a mistake hides how long history is meant to be kept, nothing of it is deleted by a default. */
import type { LogSettings } from '../config/logs.ts';
import { missingFrom, type SettingPath } from '../config/relied.ts';
import type { RetentionSettings } from '../config/retention.ts';
import type { Config } from '../config/schema.ts';

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

/** For people; null = history is kept as the file says. */
export function historyHeld(config: Config): string | null {
  const places = missingFrom(config, ['retention', ...auditSettings(config)]).map(({ path }) => path);
  if (places.length === 0) return null;
  return `There is a mistake in ${places.join(', ')} of maintenance.yaml, and so nothing of what it is about is deleted, however old: correct it before the disk is full; upkeep config check says what it is.`;
}

/** Where archives are has a bearing on it only when entries leave the store at all. */
function auditSettings({ logs }: Config): readonly SettingPath[] {
  return logs.audit.trim === undefined ? ['logs.audit'] : ['logs.audit', 'logs.archive.destination'];
}
