/** `verify-certificate`: everything that can be wrong with one certificate file. */
import * as z from 'zod';
import { defineProcedure } from '../define.ts';
import { hostName, warnDays } from './options.ts';
import { careSettings } from './renewalSettings.ts';

const options = z.object({
  cert: z.string().min(1).describe('File with the certificate: PEM (also a bundle), DER or PKCS#12'),
  key: z.string().min(1).optional().describe('File with its private key; by default the one that lies beside it'),
  host: hostName.optional().describe('Name that it must be valid for'),
  ca: z.string().min(1).optional().describe('PEM file of further certificate authorities that are trusted'),
  warnDays,
});
export type VerifyCertificateOptions = z.infer<typeof options>;

export const verifyCertificate = defineProcedure({
  name: 'verify-certificate',
  area: 'certificates',
  title: 'Verify Certificate',
  summary: 'Verify one certificate file: expiry, chain, host name, private key and strength',
  changes: false,
  settings: ['certificates.ca', 'certificates.timeout', 'certificates.password', ...careSettings],
  options,
  work: () => import('./verifyCertificateWork.ts'),
});
