/** Numbers of users and groups, by the host's own directory of them, LDAP included (getent(1)). */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findTool } from '../tool.ts';

/** -1 = as it is (chown(2)). */
export interface Accounts {
  readonly uid: number;
  readonly gid: number;
}

/** Throws one sentence when there is no such account, or when that can not be told. */
export async function accountsOf(
  owner: string | undefined,
  group: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Accounts> {
  return { uid: await numberOf('passwd', owner, env), gid: await numberOf('group', group, env) };
}

async function numberOf(
  directory: 'passwd' | 'group',
  name: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  if (name === undefined) return -1;
  if (/^\d+$/.test(name)) return Number(name);
  const what = directory === 'passwd' ? 'user' : 'group';
  const getent = await findTool('getent', env, ['/usr/bin', '/bin']);
  if (getent === null) {
    throw new Error(
      `the ${what} ${name} can not be looked up: getent is not installed; install its package (apt-get install libc-bin)`,
    );
  }
  let line;
  try {
    line = (await promisify(execFile)(getent, [directory, '--', name], { timeout: 10_000 })).stdout;
  } catch (cause) {
    if (!isAbsent(cause)) throw new Error(`the ${what} ${name} can not be looked up with getent`, { cause });
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
    isAbsent,
  );
}

/** getent(1): 2 = the key is not there. */
function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 2;
}
