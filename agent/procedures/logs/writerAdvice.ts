/** What to do about a process that goes on writing to a file that was rotated away. */
import { readFileSync } from 'node:fs';
import type { Writer } from './writers.ts';

export interface KnownWriter extends Writer {
  /** systemd unit (`nginx.service`) or container (`docker 0123456789ab`); null = neither. */
  readonly service: string | null;
}

/** How programs are told to open their logs anew, by what the kernel calls them. Source: the manual of each. */
const reopening: readonly (readonly [RegExp, string])[] = [
  [/^(?:nginx|apache2|httpd|php-fpm[\d.]*|unicorn|gunicorn.*|traefik)$/, 'SIGUSR1'],
  [/^(?:rsyslogd|rs:main Q:Reg|syslog-ng|lighttpd|varnishncsa|puma.*)$/, 'SIGHUP'],
  [/^(?:dnsmasq|supervisord)$/, 'SIGUSR2'],
  [/^(?:mysqld|mariadbd)$/, 'mysqladmin flush-logs'],
  [/^named$/, 'rndc reopen'],
  [/^squid$/, 'squid -k rotate'],
  [/^dovecot$/, 'doveadm log reopen'],
  [/^fail2ban-server$/, 'fail2ban-client flushlogs'],
  [/^unbound$/, 'unbound-control log_reopen'],
  [/^chronyd$/, 'chronyc cyclelogs'],
];

export function withServices(writers: readonly Writer[]): readonly KnownWriter[] {
  return writers.map((writer) => ({ ...writer, service: serviceOf(read(`/proc/${writer.pid}/cgroup`)) }));
}

/** By proc(5), cgroup(7): the innermost unit or container of a `/proc/PID/cgroup`. */
export function serviceOf(cgroup: string): string | null {
  const container = /\/(?:docker|libpod)[-/]([0-9a-f]{12})[0-9a-f]*/.exec(cgroup)?.[1];
  if (container !== undefined) return `${cgroup.includes('/libpod') ? 'podman' : 'docker'} ${container}`;
  const units = [...cgroup.matchAll(/\/([^/\n]+\.service)(?=[/\n]|$)/g)].map(([, unit]) => unit ?? '');
  // `user@1000.service` is all that a person runs.
  return units.filter((unit) => !unit.startsWith('user@')).at(-1) ?? null;
}

/** One sentence: how these writers of one file are told to open the new one, now and after each rotation. */
export function adviceFor(writers: readonly KnownWriter[]): string {
  const advice = leaders(writers).map(adviseOn);
  const now = [...new Set(advice.map((one) => one.now))].join(' and ');
  const later = [...new Set(advice.map((one) => one.later))].join('; ');
  return advice.every(({ isKnown }) => isKnown)
    ? `tell it to reopen its log: \`${now}\` now, and \`postrotate: ${later}\` in logs.rotate for every rotation`
    : `tell it to reopen its log (\`${now}\`), and put that into \`postrotate\` of logs.rotate; ` +
        'if it can not reopen its log, set `copytruncate: true` there';
}

/** The processes that their children follow: a worker of nginx obeys its master. */
export function leaders<Known extends Writer>(writers: readonly Known[]): readonly Known[] {
  const found = writers.filter(({ pid, command }) => {
    const parent = parentOf(pid);
    return !writers.some((other) => other.pid === parent && other.command === command);
  });
  return found.length > 0 ? found : writers;
}

function adviseOn({ pid, command, service }: KnownWriter): { now: string; later: string; isKnown: boolean } {
  const how = reopening.find(([name]) => name.test(command))?.[1];
  if (how === undefined) {
    const restart =
      service === null
        ? `restart ${command}, process ${pid}`
        : service.endsWith('.service')
          ? `systemctl reload-or-restart ${service}`
          : service.replace(' ', ' restart ');
    return { now: restart, later: restart, isKnown: false };
  }
  if (!how.startsWith('SIG')) return { now: how, later: how, isKnown: true };
  const signal = how.slice(3);
  const now = `kill -${signal} ${pid}`;
  if (service === null) return { now, later: `pkill -${signal} -o -x ${command}`, isKnown: true };
  const later = service.endsWith('.service')
    ? `systemctl kill --kill-whom=main -s ${signal} ${service}`
    : service.replace(' ', ` kill -s ${signal} `);
  return { now, later, isKnown: true };
}

/** The command may hold anything, blanks and brackets too; the parent is the second field after its last bracket. */
function parentOf(pid: number): number | null {
  const stat = read(`/proc/${pid}/stat`);
  const parent = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1];
  return parent === undefined ? null : Number(parent);
}

/** Empty when there is no such process any more. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
