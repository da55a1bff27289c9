/** `server:` how clients reach the agent. */
import * as z from 'zod';

/** A name or address as it stands in a Host header, without port (RFC 9110 §7.2). */
const hostName = z
  .string()
  .regex(/^(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\])$/, 'a host name, without port');

export const tlsSettings = z
  .strictObject({
    cert: z
      .string()
      .min(1)
      .optional()
      .describe('PEM file: the certificate of this agent, then the intermediate ones (fullchain.pem)'),
    key: z.string().min(1).optional().describe('PEM file of its private key, without password'),
    client_ca: z
      .string()
      .min(1)
      .optional()
      .describe('PEM file of authorities: clients must then show a certificate of theirs, beside their token'),
    self_signed: z
      .boolean()
      .default(false)
      .describe('Make a certificate once, in the state folder; editors pin it when they first see it'),
  })
  .refine(
    ({ cert, key, self_signed: own }) => (own ? cert === undefined && key === undefined : (cert ?? key) !== undefined),
    {
      error: 'either `cert` and `key`, or `self_signed: true`',
    },
  )
  .refine(({ cert, key }) => (cert === undefined) === (key === undefined), { error: '`cert` and `key` go together' });

export const serverSettings = z.strictObject({
  listen: z.string().optional().describe('HOST:PORT of the agent, or `none`; beyond this machine only with `tls`'),
  host_names: z
    .array(hostName)
    .max(50)
    .default([])
    .describe('Names by which clients call this agent, beside its addresses and those in its certificate'),
  tls: tlsSettings.optional().describe('Encrypted connections (wss://)'),
});
export type ServerSettings = z.infer<typeof serverSettings>;
