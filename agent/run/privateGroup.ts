/** User-private groups: where each user has a group of their own, files are group-writable by default and nobody else gains by it. */
import { readFileSync } from 'node:fs';

/** True when the group is the user's primary one, is called as the user, and nobody else is in it (passwd(5), group(5)). */
export function hasPrivateGroup(uid: number, gid: number): boolean {
  const users = linesOf('/etc/passwd');
  const user = users.find((fields) => Number(fields[2]) === uid);
  const group = linesOf('/etc/group').find((fields) => Number(fields[2]) === gid);
  if (user === undefined || group === undefined || group[0] !== user[0] || Number(user[3]) !== gid) return false;
  const others = (group[3] ?? '').split(',').filter((name) => name !== '' && name !== user[0]);
  return others.length === 0 && users.filter((fields) => Number(fields[3]) === gid).length === 1;
}

function linesOf(file: string): readonly string[][] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.split(':'));
  } catch {
    return [];
  }
}
