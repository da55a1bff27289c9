import type { SettingPath } from '../../config/relied.ts';

/** Of renewals and deployments. */
export const renewalSettings = [
  'certificates.ca',
  'certificates.password',
  'certificates.certbot',
  'certificates.renew_command',
  'certificates.renew_timeout',
  'certificates.deploy_hook',
  'certificates.renew[]',
  'certificates.deploy[]',
] as const satisfies readonly SettingPath[];
