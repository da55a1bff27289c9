/** Numbers of the users and groups that own deployed files. */
import { accountKinds, findAccount, type AccountDirectory } from '../../getent.ts';

/** -1 = as it is (chown(2)). */
export interface Accounts {
  readonly uid: number;
  readonly gid: number;
}

/** Throws one sentence when there is no such account, or when that can not be told. */
export async function accountsOf(owner: string | undefined, group: string | undefined): Promise<Accounts> {
  return { uid: await numberOf('passwd', owner), gid: await numberOf('group', group) };
}

async function numberOf(directory: AccountDirectory, name: string | undefined): Promise<number> {
  if (name === undefined) return -1;
  if (/^\d+$/.test(name)) return Number(name);
  const number = (await findAccount(directory, name))?.[2];
  if (number !== undefined) return Number(number);
  throw new Error(
    `there is no ${accountKinds[directory]} ${name} on this host; create it, or correct certificates.deploy`,
  );
}

/** False also where nobody can tell. */
export async function unknownAccount(directory: AccountDirectory, number: number): Promise<boolean> {
  return findAccount(directory, String(number)).then(
    (account) => account === null,
    () => false,
  );
}
