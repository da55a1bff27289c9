/** Mounted file systems: proc_pid_mountinfo(5). */

export interface Mount {
  readonly mountPoint: string;
  readonly type: string;
  readonly source: string;
  /** `major:minor`: st_dev of its files. */
  readonly device: string;
}

/**
 * Mounts whose fill level matters: no pseudo and no read-only file systems, each device once under its shortest path
 * (bind mounts repeat it), overlay only as the root of a container, tmpfs only as /tmp.
 */
export function realMounts(mountinfo: string): readonly Mount[] {
  const byDevice = new Map<string, Mount>();
  for (const line of mountinfo.split('\n')) {
    const mount = parseLine(line);
    if (mount === null) continue;
    const known = byDevice.get(mount.device);
    if (known === undefined || mount.mountPoint.length < known.mountPoint.length) byDevice.set(mount.device, mount);
  }
  return [...byDevice.values()].sort((a, b) => (a.mountPoint < b.mountPoint ? -1 : 1));
}

/** File systems behind a network, where the question itself may hang. */
export function isRemote(type: string): boolean {
  return /^(nfs|cifs|smb|ceph|glusterfs|lustre|afs|9p|ncpfs|fuse\.)/.test(type);
}

const pseudo = new Set(
  (
    'autofs bdev binfmt_misc bpf cgroup cgroup2 configfs debugfs devfs devpts devtmpfs efivarfs fuse.gvfsd-fuse fuse.lxcfs ' +
    'fuse.portal fusectl hugetlbfs iso9660 mqueue nsfs proc pstore ramfs resctrl rpc_pipefs securityfs selinuxfs ' +
    'squashfs sysfs tracefs udf'
  ).split(' '),
);

function parseLine(line: string): Mount | null {
  const [before, after] = line.split(' - ');
  const [, , device, , mountPoint, options] = (before ?? '').split(' ');
  const [type, source, superOptions] = (after ?? '').split(' ');
  if (device === undefined || mountPoint === undefined || type === undefined) return null;
  const path = unescape(mountPoint);
  if (pseudo.has(type) || (type === 'overlay' && path !== '/') || (type === 'tmpfs' && path !== '/tmp')) return null;
  if (isReadOnly(options) || isReadOnly(superOptions)) return null;
  return { mountPoint: path, type, source: unescape(source ?? ''), device };
}

function isReadOnly(options: string | undefined): boolean {
  return (options ?? '').split(',').includes('ro');
}

/** Blanks and backslashes are written as octal: `\040`. */
function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)));
}
