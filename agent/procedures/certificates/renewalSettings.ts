import type { SettingPath } from '../../config/relied.ts';

/** By which a certificate is said to be renewed and deployed by this host. */
export const careSettings = [
  'certificates.renew[]',
  'certificates.deploy[]',
  'certificates.renew_command',
  'certificates.certbot.config_dir',
] as const satisfies readonly SettingPath[];

export const deploymentSettings = [
  'certificates.ca',
  'certificates.password',
  'certificates.timeout',
  'certificates.certbot.config_dir',
  'certificates.renew[]',
  'certificates.deploy[]',
] as const satisfies readonly SettingPath[];

/** Of renewals, with the deployments that may follow. */
export const renewalSettings = [
  ...deploymentSettings,
  'certificates.certbot',
  'certificates.renew_command',
  'certificates.renew_timeout',
  'certificates.deploy_hook',
] as const satisfies readonly SettingPath[];
