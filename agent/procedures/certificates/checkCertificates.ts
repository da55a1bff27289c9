/** `check-certificates`: what is wrong with certificate files and TLS endpoints. */
import * as z from 'zod';
import { endpointForm, endpointText } from '../../config/endpoints.ts';
import { defineProcedure } from '../define.ts';
import { hostName, warnDays } from './options.ts';
import { careSettings } from './renewalSettings.ts';

const options = z.object({
  path: z.array(z.string().min(1)).optional().describe('File, folder or glob to check instead of the configured ones'),
  host: hostName.optional().describe('Name that every certificate must be valid for; endpoints are asked for it'),
  ca: z.string().min(1).optional().describe('PEM file of further certificate authorities that are trusted'),
  domain: z
    .array(endpointText)
    .optional()
    .describe(`Endpoint to check instead of the configured sources: ${endpointForm}`),
  warnDays,
});
export type CheckCertificatesOptions = z.infer<typeof options>;

export const checkCertificates = defineProcedure({
  name: 'check-certificates',
  area: 'certificates',
  title: 'Check Certificates',
  summary: 'Check certificate files and TLS endpoints for expiry, chain, host name, key and strength',
  changes: false,
  settings: [
    'certificates.paths[]',
    'certificates.endpoints[]',
    'certificates.ca',
    'certificates.timeout',
    'certificates.password',
    ...careSettings,
  ],
  options,
  work: () => import('./checkCertificatesWork.ts'),
});
