/** `deploy-certificate`: puts a renewed certificate where its service reads it, and sees to it that it is served. */
import * as z from 'zod';
import { domainName } from '../../config/certificates.ts';
import { defineProcedure } from '../define.ts';
import { deployImpact } from './deployImpact.ts';
import { deploymentSettings } from './renewalSettings.ts';

const options = z.object({
  domain: domainName.optional().describe('Domain whose targets of certificates.deploy are served; by default all'),
});
export type DeployCertificateOptions = z.infer<typeof options>;

export const deployCertificate = defineProcedure({
  name: 'deploy-certificate',
  area: 'certificates',
  title: 'Deploy Certificate',
  summary:
    'Install certificate and key in one step, reload the service, check what it serves, and go back to the pair before when anything fails',
  changes: true,
  settings: [...deploymentSettings],
  options,
  impact: ({ domain }, config) => deployImpact(domain, config.certificates),
  work: () => import('./deployCertificateWork.ts'),
});
