/** `certificates`: where certificates are looked for, and how they are renewed and deployed. */
import * as z from 'zod';
import { endpointForm, endpointText } from './endpoints.ts';
import { duration } from './units.ts';

export const backupSettings = z.strictObject({
  paths: z
    .array(z.string().min(1))
    .min(1)
    .default(['/etc/letsencrypt'])
    .describe('Folders and files that backup-certificates keeps, with links, rights and owners'),
  destination: z
    .string()
    .min(1)
    .default('/var/backups/upkeep/certificates')
    .describe('Folder of the archives, private to their owner'),
  encrypt: z
    .strictObject({
      passphrase: z.string().min(12).describe('As ${VARIABLE}; without it nobody can open the archives'),
    })
    .optional()
    .describe('Encrypt the archives (AES-256-GCM, scrypt)'),
  keep: z.int().min(1).max(10_000).default(30).describe('Archives that are kept; the oldest go first'),
  keep_for: duration
    .optional()
    .describe('Older archives go as well, but never the newest; by default age does not count'),
});
export type BackupSettings = z.infer<typeof backupSettings>;

/** Also the name of certbot's lineage and what is asked for by SNI. ASCII alone, so that it is the same word everywhere. */
export const domainName = z
  .string()
  .max(253)
  .regex(
    /^(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i,
    'a DNS name such as api.example.org; names with other letters in their xn-- form',
  );

/** Run without a shell; a text is split at blanks. */
const program = z
  .union([z.string(), z.array(z.string())])
  .transform((words) => (typeof words === 'string' ? words.split(/\s+/).filter((word) => word !== '') : words))
  .refine((words) => words[0] !== undefined && words[0] !== '', 'a program, with its arguments')
  .refine((words) => words.every((word) => !word.includes('\0')), 'words without NUL');

const mode = z.string().regex(/^0?[0-7]{3}$/, 'an octal mode: 0600');
const accountName = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/, 'the name or number of a user or group');
const file = z.string().min(1);

const certbotSettings = z.strictObject({
  authenticator: z
    .enum(['webroot', 'standalone'])
    .default('standalone')
    .describe(
      'How certbot proves that the domain is yours: by a file that your web server serves, or by a server of its own',
    ),
  webroot: file.optional().describe('Folder that the web server serves, for `webroot`'),
  port: z.int().min(1).max(65_535).optional().describe('Port of certbot itself, for `standalone`; by default 80'),
  address: z
    .union([z.ipv4(), z.ipv6()])
    .optional()
    .describe('Address of certbot itself, for `standalone`; by default all'),
  server: z
    .url({ protocol: /^https$/ })
    .optional()
    .describe("ACME directory, whose terms of service are agreed to; by default Let's Encrypt"),
  server_ca: file.optional().describe('PEM file of the authority that vouches for the ACME server itself'),
  email: z.email().optional().describe('Address of the ACME account'),
  key_type: z
    .enum(['ecdsa', 'rsa'])
    .optional()
    .describe('Kind of new keys; by default that of the certificate before, and ecdsa for a first one'),
  config_dir: file.default('/etc/letsencrypt').describe("certbot's --config-dir"),
  work_dir: file.optional().describe("certbot's --work-dir"),
  logs_dir: file.optional().describe("certbot's --logs-dir"),
});

const renewal = z.strictObject({
  domain: domainName.describe('First name of the certificate, and its name for certbot'),
  names: z.array(domainName).default([]).describe('Further names that it holds'),
  cert: file.optional().describe("Where the renewed certificate lies; by default certbot's live/DOMAIN/fullchain.pem"),
  key: file.optional().describe("Where its private key lies; by default certbot's live/DOMAIN/privkey.pem"),
});

const deployTarget = z.strictObject({
  domain: domainName.describe('Domain of the certificate, asked for by SNI when the endpoint is looked at'),
  cert: file
    .optional()
    .describe("Certificate to deploy, with its chain; by default certbot's live/DOMAIN/fullchain.pem"),
  key: file.optional().describe("Its private key; by default certbot's live/DOMAIN/privkey.pem"),
  chain: file.optional().describe('Intermediate certificates, when `cert` does not hold them'),
  to: z
    .strictObject({
      cert: file.optional().describe('Certificate and its chain (nginx: ssl_certificate)'),
      key: file.optional().describe('Private key (nginx: ssl_certificate_key)'),
      chain: file.optional().describe('The chain alone (nginx: ssl_trusted_certificate)'),
      combined: file.optional().describe('Certificate, chain and key in one file (haproxy: crt)'),
    })
    .refine(
      (to) => (to.cert === undefined) === (to.key === undefined) && (to.cert ?? to.combined) !== undefined,
      '`cert` and `key`, or `combined`',
    )
    .describe('Files of the service; they become links into one folder, so that all change in one step'),
  owner: accountName.optional().describe('Owner of the files; by default the user of the agent'),
  group: accountName.optional().describe('Group of the files; by default that of the agent'),
  mode: mode.default('0600').describe('Mode of the private key; certificates have 0644'),
  validate: program.optional().describe('Says by its exit code whether the service takes the files: nginx -t'),
  reload: program.optional().describe('Makes the service read the files: systemctl reload nginx'),
  endpoint: endpointText.optional().describe('Where the service must serve the certificate afterwards'),
  served_within: duration.default(15_000).describe('Longest time until the endpoint serves it'),
});
export type DeployTarget = z.infer<typeof deployTarget>;

export const certificateSettings = z.strictObject({
  paths: z.array(file).default([]).describe('Files, folders or globs: PEM (also bundles), DER, PKCS#12'),
  endpoints: z.array(endpointText).default([]).describe(endpointForm),
  ca: z.string().optional().describe('PEM file of further certificate authorities that are trusted'),
  timeout: duration.default(5_000).describe('Longest time for one endpoint, and for one file'),
  password: z.string().optional().describe('Password of PKCS#12 files and encrypted keys, best as ${VARIABLE}'),
  backup: backupSettings.prefault({}),
  certbot: certbotSettings.prefault({}),
  renew_command: program
    .optional()
    .describe('Renews a certificate instead of certbot; the domain is added as its last argument'),
  renew_timeout: duration.default(600_000).describe('Longest time for one certificate'),
  deploy_hook: program
    .optional()
    .describe('Runs after a renewal, with RENEWED_LINEAGE and RENEWED_DOMAINS in its environment as for certbot'),
  renew: z.array(renewal).default([]).describe('Certificates that renew-certificate looks after'),
  deploy: z.array(deployTarget).default([]).describe('Where deploy-certificate puts certificates'),
});
export type CertificateSettings = z.infer<typeof certificateSettings>;
