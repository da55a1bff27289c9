/** Numbers of users and groups, by the host's own directory of them, LDAP included (getent(1)). */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** -1 = as it is (chown(2)). */
export interface Accounts {
  readonly uid: number;
  readonly gid: number;
}

/** Throws one sentence when there is no such account. */
export async function accountsOf(owner: string | undefined, group: string | undefined): Promise<Accounts> {
  return { uid: await numberOf('passwd', owner), gid: await numberOf('group', group) };
}

async function numberOf(directory: 'passwd' | 'group', name: string | undefined): Promise<number> {
  if (name === undefined) return -1;
  if (/^\d+$/.test(name)) return Number(name);
  const what = directory === 'passwd' ? 'user' : 'group';
  let line;
  try {
    line = (await promisify(execFile)('getent', [directory, '--', name], { timeout: 10_000 })).stdout;
  } catch (cause) {
    throw new Error(`there is no ${what} ${name} on this host; create it, or correct certificates.deploy`, { cause });
  }
  const [found, , number] = line.split(':');
  if (found !== name || number === undefined) throw new Error(`the ${what} ${name} can not be looked up with getent`);
  return Number(number);
}

/** False also where nobody can tell. */
export async function unknownAccount(directory: 'passwd' | 'group', number: number): Promise<boolean> {
  return promisify(execFile)('getent', [directory, '--', String(number)], { timeout: 10_000 }).then(
    () => false,
    // getent(1): 2 = the key is not there.
    (error: unknown) => error instanceof Error && 'code' in error && error.code === 2,
  );
}
