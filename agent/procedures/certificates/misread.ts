/** Mistakes in `certificates` of maintenance.yaml: a default in the place of what was meant could do harm, and so it must not. */
import { certificateSettings } from '../../config/certificates.ts';
import { written } from '../../config/issues.ts';
import type { ProcedureContext } from '../define.ts';

/**
 * Tells of what was left out of the settings `keys` of the section. `all`: nothing may be done by them; `some`: entries of a list
 * (a target, a certificate) are missing, and what becomes of the others is no success; null: nothing was left out.
 */
export function tellMisread(
  { config, finding }: Pick<ProcedureContext, 'config' | 'finding'>,
  keys: ReadonlySet<string>,
  code: string,
): 'all' | 'some' | null {
  const concerns = (key: string | number | undefined): boolean =>
    key === undefined || keys.has(String(key)) || !Object.hasOwn(certificateSettings.shape, key);
  const places = (config.leftOut ?? []).filter(([section, key]) => section === 'certificates' && concerns(key));
  if (places.length === 0) return null;
  const isEntry = (place: (typeof places)[number]): boolean => place.length === 3 && typeof place[2] === 'number';
  const wanted = places.every(isEntry) ? 'some' : 'all';
  for (const path of new Set(places.map((place) => written(place)))) {
    const effect = wanted === 'all' ? 'nothing was done' : 'it was left out';
    const message = `There is a mistake in ${path} of maintenance.yaml, and so ${effect}; upkeep config check says what it is.`;
    finding({ level: 'critical', code, subject: path, message });
  }
  return wanted;
}

export const backupKeys: ReadonlySet<string> = new Set(['backup']);

/** Of renewals and deployments. */
export const renewalKeys: ReadonlySet<string> = new Set([
  'ca',
  'password',
  'certbot',
  'renew_command',
  'renew_timeout',
  'deploy_hook',
  'renew',
  'deploy',
]);
