/** `renew-certificate`: renews what is due, and with `--deploy` sees it through to what is served. */
import * as z from 'zod';
import { domainName } from '../../config/certificates.ts';
import { defineProcedure } from '../define.ts';
import { deployImpact } from './deployImpact.ts';
import { renewalSettings } from './renewalSettings.ts';

const options = z.object({
  domain: domainName
    .optional()
    .describe('Domain of the certificate, also of one that is still to be issued; by default all that are known'),
  force: z.boolean().default(false).describe('Renew whether it is due or not; authorities limit how often'),
  deploy: z
    .boolean()
    .default(false)
    .describe('Then deploy it to its targets of certificates.deploy, also when an earlier run was cut short'),
});
export type RenewCertificateOptions = z.infer<typeof options>;

export const renewCertificate = defineProcedure({
  name: 'renew-certificate',
  area: 'certificates',
  title: 'Renew Certificate',
  summary: 'Renew certificates that are due by certbot or the configured command, and check that there is a new one',
  changes: true,
  settings: [...renewalSettings],
  options,
  impact: ({ domain, force, deploy }, { certificates }) => {
    const which = domain === undefined ? 'Certificates' : `The certificate of ${domain}`;
    const when = force ? 'at once, which counts against the limits of the authority' : 'if due';
    const by = certificates.renew_command === undefined ? 'certbot' : `“${certificates.renew_command.join(' ')}”`;
    const then = deploy ? ` ${deployImpact(domain, certificates)}` : ' No service is touched.';
    return `${which} renewed by ${by} ${when}.${then}`;
  },
  work: () => import('./renewCertificateWork.ts'),
});
