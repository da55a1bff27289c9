/**
 * Running as another OS user. Node's `uid` option would drop the supplementary groups, so setpriv(1) of util-linux changes
 * user, group and groups at once and becomes the command: no shell, no PAM session, no password, nothing left of root.
 */
import { existsSync } from 'node:fs';
import { findAccount } from '../getent.ts';

export interface OsUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
}

const setprivPlaces = ['/usr/bin/setpriv', '/bin/setpriv', '/usr/sbin/setpriv'];

/** Null when it is the agent's own user. Throws with one sentence when the change is not possible. */
export async function findUser(name: string): Promise<OsUser | null> {
  const user = await lookUp(name);
  const own = process.geteuid?.();
  if (user.uid === own) return null;
  if (own !== 0) {
    throw new Error(
      `it wants the OS user "${name}", but only an agent that runs as root can change the user: start the agent as root, or as ${name}`,
    );
  }
  return user;
}

/** Words before a command that make it run as this user, with all the groups of the user. */
export function asUserPrefix(user: OsUser): readonly string[] {
  const setpriv = setprivPlaces.find((place) => existsSync(place));
  if (setpriv === undefined) {
    throw new Error(
      `it wants the OS user "${user.name}", but setpriv is not installed: install util-linux, or leave \`user\` out`,
    );
  }
  return [setpriv, `--reuid=${user.uid}`, `--regid=${user.gid}`, '--init-groups', '--inh-caps=-all', '--'];
}

async function lookUp(name: string): Promise<OsUser> {
  const [found, , uid, gid, , home, shell] = (await findAccount('passwd', name)) ?? [];
  if (found !== name || uid === undefined || gid === undefined) {
    throw new Error(`there is no OS user "${name}" on this host: correct \`user\`, or create it`);
  }
  return { name, uid: Number(uid), gid: Number(gid), home: home ?? '/', shell: shell ?? '/bin/sh' };
}
