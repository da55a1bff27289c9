/** Users and groups by the host's own directories of them, LDAP included (getent(1)). */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';

export type AccountDirectory = 'passwd' | 'group';

/** Not by PATH: who is whom is nothing that an environment decides. */
const places = ['/usr/bin/getent', '/bin/getent', '/run/current-system/sw/bin/getent'];

/** What a directory is about, for people. */
export const accountKinds = { passwd: 'user', group: 'group' } as const satisfies Record<AccountDirectory, string>;

/**
 * The fields of an entry (passwd(5), group(5)) by its name or number; null when there is none. Throws one clause when that can
 * not be told.
 */
export async function findAccount(directory: AccountDirectory, key: string): Promise<readonly string[] | null> {
  const what = `the ${accountKinds[directory]} "${key}" can not be looked up`;
  const getent = places.find((place) => existsSync(place));
  if (getent === undefined) {
    throw new Error(`${what}: getent is not installed; install its package (apt-get install libc-bin)`);
  }
  let text: string;
  try {
    text = (await promisify(execFile)(getent, [directory, '--', key], { timeout: 10_000 })).stdout;
  } catch (error) {
    const { code } = error as { readonly code?: string | number };
    // getent(1): the key is not there.
    if (code === 2) return null;
    throw new Error(`${what} with getent (${String(code)})`, { cause: error });
  }
  const fields = (text.split('\n')[0] ?? '').split(':');
  // A directory may be asked in its own spelling, and answer with another entry.
  return fields[0] === key || fields[2] === key ? fields : null;
}
