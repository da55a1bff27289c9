/** File work as another user: in a folder that somebody else controls, root follows whatever they plant there. */

export interface UserAndGroup {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Runs `work` with the effective user and group, as logrotate's `su` does; null = as oneself. The change holds for the
 * whole process until `work` ends, which suits a procedure: it has its process to itself.
 */
export async function asUser<Result>(user: UserAndGroup | null, work: () => Promise<Result>): Promise<Result> {
  if (user === null) return await work();
  const { geteuid, getegid, getgroups, seteuid, setegid, setgroups } = process;
  if (
    geteuid === undefined ||
    getegid === undefined ||
    getgroups === undefined ||
    seteuid === undefined ||
    setegid === undefined ||
    setgroups === undefined
  ) {
    throw new Error('This platform has no users to switch to.');
  }
  const own = { uid: geteuid(), gid: getegid(), groups: getgroups() };
  if (own.uid === user.uid && own.gid === user.gid) return await work();
  setgroups([user.gid]);
  try {
    setegid(user.gid);
    seteuid(user.uid);
    return await work();
  } finally {
    seteuid(own.uid);
    setegid(own.gid);
    setgroups(own.groups);
  }
}
