/** sslmode as libpq means it. PostgreSQL manual: "SSL Mode Descriptions" (libpq-ssl). */
import { readFile } from 'node:fs/promises';
import type { ConnectionOptions } from 'node:tls';
import { codeOf, messageOf } from '../../thrown.ts';
import type { ConnectionParameters } from './target.ts';

/** One way to try a connection: TLS with these options, or plain. */
export type TlsAttempt = ConnectionOptions | false;

/** The attempts in order. `prefer` goes on to the second when the server speaks no TLS, `allow` when it refuses plain. */
export async function tlsAttempts(parameters: ConnectionParameters): Promise<TlsAttempt[]> {
  const mode = parameters.sslMode;
  if (mode === 'disable' || parameters.host.startsWith('/')) return [false];
  const options = await tlsOptions(parameters);
  if (mode === 'prefer') return [options, false];
  if (mode === 'allow') return [false, options];
  return [options];
}

/** True when the next attempt may succeed where this one failed for the want, or the presence, of TLS. */
export function isTlsMismatch(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = codeOf(error);
  return code === '28000' || /SSL connection|SSL routines/i.test(error.message) || code.startsWith('ERR_SSL');
}

async function tlsOptions(parameters: ConnectionParameters): Promise<ConnectionOptions> {
  const { sslMode, sslRootCertificate, sslCertificate, sslKey } = parameters;
  const system = sslRootCertificate === 'system';
  const options: ConnectionOptions = {};
  if (sslRootCertificate !== undefined && !system) options.ca = await read('sslrootcert', sslRootCertificate);
  if (sslCertificate !== undefined) options.cert = await read('sslcert', sslCertificate);
  if (sslKey !== undefined) options.key = await read('sslkey', sslKey);
  const verifiesName = sslMode === 'verify-full' || system;
  // libpq's `require` verifies the chain once a root certificate is there, for backward compatibility.
  const verifiesChain =
    verifiesName || sslMode === 'verify-ca' || (sslMode === 'require' && sslRootCertificate !== undefined);
  if (!verifiesChain) options.rejectUnauthorized = false;
  if (!verifiesName) options.checkServerIdentity = () => undefined;
  return options;
}

/** Without the code of the system error, which would be taken for one of the connection. */
async function read(keyword: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const reason = messageOf(cause);
    throw new Error(`the file of ${keyword} can not be read: ${reason}`, { cause });
  }
}
