/** Certificates view: those of all hosts, the most urgent first. */
import type { Certificate } from '../../agent/protocol/nouns.ts';
import type { HostView } from '../state/host.ts';
import { severity } from './levels.ts';
import { toneOfLevel, type TreeNode } from './node.ts';
import { counted, localTime, plain, relative } from './text.ts';

interface Found {
  readonly host: string;
  readonly certificate: Certificate;
  readonly at: string;
}

export const reasonTexts: Readonly<Record<Certificate['reasons'][number], string>> = {
  self_signed: 'self-signed',
  chain_incomplete: 'chain incomplete',
  wrong_order: 'chain in wrong order',
  host_mismatch: 'not for this host name',
  key_mismatch: 'key does not fit',
  key_world_readable: 'key readable by everyone',
  weak_key: 'weak key',
  weak_signature: 'weak signature',
  needs_password: 'needs a password',
  served_differs: 'another one is served',
  missing: 'missing',
};

export function certificatesModel(hosts: readonly HostView[], now: Date): readonly TreeNode[] {
  const many = hosts.filter((host) => host.data !== null).length > 1;
  return certificatesOf(hosts).map((found) => certificateNode(found, many, now));
}

/** Of each source on each host what was seen last, the most urgent first. */
export function certificatesOf(hosts: readonly HostView[]): readonly Found[] {
  const newest = new Map<string, Found>();
  for (const host of hosts)
    for (const report of [...(host.data?.reports ?? [])].sort((a, b) => a.at.localeCompare(b.at)))
      for (const certificate of report.certificates ?? [])
        newest.set(JSON.stringify([host.name, certificate.source]), { host: host.name, certificate, at: report.at });
  return [...newest.values()].sort(
    (a, b) =>
      severity(b.certificate.level) - severity(a.certificate.level) ||
      (a.certificate.daysLeft ?? -Infinity) - (b.certificate.daysLeft ?? -Infinity) ||
      a.certificate.source.localeCompare(b.certificate.source),
  );
}

/** `12 days left`, `expired 3 days ago`, `unreadable`. */
export function lifetimeText(certificate: Certificate): string {
  const days = certificate.daysLeft;
  if (days === null) return certificate.status.replaceAll('_', ' ');
  if (certificate.status === 'not_yet_valid') return 'not yet valid';
  if (days < 0 || certificate.status === 'expired')
    return days === 0 ? 'expired today' : `expired ${counted(-days, 'day')} ago`;
  return days === 0 ? 'expires today' : `${counted(days, 'day')} left`;
}

function certificateNode({ host, certificate, at }: Found, many: boolean, now: Date): TreeNode {
  const id = `host/${host}/certificate/${certificate.source}`;
  const reasons = certificate.reasons.map((reason) => reasonTexts[reason]);
  const parts = [lifetimeText(certificate), ...reasons, plain(certificate.source), ...(many ? [plain(host)] : [])];
  return {
    id,
    label: nameOf(certificate),
    description: parts.join(' · '),
    tooltip: [nameOf(certificate), plain(certificate.message), ...detailsOf(certificate), `Seen: ${relative(at, now)}`],
    icon: certificate.level === 'ok' || certificate.level === 'info' ? 'verified' : iconOf(certificate),
    tone: toneOfLevel[certificate.level],
    highlighted: severity(certificate.level) >= severity('warning'),
    context: 'certificate',
    target: { kind: 'certificate', host, source: certificate.source },
    children: () => detailNodes(id, certificate),
  };
}

function iconOf(certificate: Certificate): string {
  if (certificate.status === 'expiring') return 'watch';
  return certificate.level === 'critical' ? 'error' : 'warning';
}

export function nameOf(certificate: Certificate): string {
  const [name] = certificate.names;
  const common = /(?:^|[,\n/])\s*CN\s*=\s*([^,\n/]+)/.exec(certificate.subject)?.[1];
  return plain(name ?? common ?? certificate.source);
}

function detailsOf(certificate: Certificate): readonly string[] {
  return [
    `Source: ${plain(certificate.source)}`,
    `Subject: ${plain(certificate.subject)}`,
    `Issuer: ${plain(certificate.issuer)}`,
    ...(certificate.names.length === 0 ? [] : [`Names: ${plain(certificate.names.join(', '))}`]),
    ...(certificate.notBefore === null ? [] : [`Valid from: ${localTime(certificate.notBefore)}`]),
    ...(certificate.notAfter === null ? [] : [`Valid until: ${localTime(certificate.notAfter)}`]),
    ...(certificate.key === 'unknown' ? [] : [`Key: ${certificate.key === 'match' ? 'fits' : 'does not fit'}`]),
    ...(certificate.fingerprint === null ? [] : [`SHA-256: ${plain(certificate.fingerprint)}`]),
    ...certificate.chain.map(
      (one, index) => `Chain ${index + 1}: ${plain(one.subject)}, until ${localTime(one.notAfter)}`,
    ),
  ];
}

function detailNodes(parent: string, certificate: Certificate): readonly TreeNode[] {
  return detailsOf(certificate).map((line, index) => {
    const colon = line.indexOf(': ');
    return {
      id: `${parent}/${index}`,
      label: line.slice(0, colon),
      description: line.slice(colon + 2),
      icon: 'dash',
      tone: 'muted',
      context: 'detail',
      target: { kind: 'text', text: line.slice(colon + 2) },
    };
  });
}
