/** Certificates view: each certificate of each host once, the most urgent first, with the places where it was found. */
import type { Certificate } from '../../agent/protocol/nouns.ts';
import type { HostView } from '../state/host.ts';
import { actionWords, isFileSource } from './certificateActions.ts';
import { severity } from './levels.ts';
import { toneOfLevel, type TreeNode } from './node.ts';
import { counted, grouped, localTime, plain, relative, shortPath } from './text.ts';

interface Found {
  readonly host: string;
  readonly certificate: Certificate;
  readonly at: string;
  /** What can be done about it, for `when` clauses. */
  readonly actions: readonly string[];
}

const dayMs = 86_400_000;

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
  return [...grouped(certificatesOf(hosts), identityOf).values()].map((places) => certificateNode(places, many, now));
}

/** The same leaf in several places is one certificate; what can not be read is its place. */
function identityOf({ host, certificate }: Found): string {
  return JSON.stringify([host, certificate.fingerprint ?? certificate.source]);
}

/** Of each source on each host what was seen last, the most urgent first. */
export function certificatesOf(hosts: readonly HostView[]): readonly Found[] {
  const newest = new Map<string, Found>();
  for (const host of hosts)
    for (const report of [...(host.data?.reports ?? [])].sort((a, b) => a.at.localeCompare(b.at)))
      for (const certificate of report.certificates ?? [])
        newest.set(JSON.stringify([host.name, certificate.source]), {
          host: host.name,
          certificate,
          at: report.at,
          actions: actionWords(certificate, host.data),
        });
  return [...newest.values()].sort(
    (a, b) =>
      severity(b.certificate.level) - severity(a.certificate.level) ||
      (a.certificate.daysLeft ?? -Infinity) - (b.certificate.daysLeft ?? -Infinity) ||
      a.certificate.source.localeCompare(b.certificate.source),
  );
}

/** `12 days left`, `expired 3 days ago`, `unreadable`: whole days that are left or have passed. */
export function lifetimeText({ daysLeft, notAfter, status }: Certificate, now: Date): string {
  if (daysLeft === null) return status.replaceAll('_', ' ');
  if (status === 'not_yet_valid') return 'not yet valid';
  const left = notAfter === null ? daysLeft : (Date.parse(notAfter) - now.getTime()) / dayMs;
  if (left < 0 || status === 'expired') {
    const ago = Math.max(0, Math.trunc(-left));
    return ago === 0 ? 'expired today' : `expired ${counted(ago, 'day')} ago`;
  }
  const days = Math.trunc(left);
  return days === 0 ? 'expires today' : `${counted(days, 'day')} left`;
}

/** `places` are sorted, so the first one is the worst. */
function certificateNode(places: readonly Found[], many: boolean, now: Date): TreeNode {
  const [{ host, certificate, at, actions }] = places as readonly [Found, ...Found[]];
  const id = `host/${host}/certificate/${certificate.fingerprint ?? certificate.source}`;
  const reasons = new Set(places.flatMap((place) => place.certificate.reasons));
  const parts = [lifetimeText(certificate, now), ...[...reasons].map((reason) => reasonTexts[reason])];
  return {
    id,
    label: nameOf(certificate),
    description: [...parts, ...(many ? [plain(host)] : [])].join(' · '),
    tooltip: [
      nameOf(certificate),
      plain(certificate.message),
      ...places.map((place) => `Source: ${plain(place.certificate.source)}`),
      ...detailsOf(certificate),
      `Seen: ${relative(at, now)}`,
    ],
    icon: certificate.level === 'ok' || certificate.level === 'info' ? 'verified' : iconOf(certificate),
    tone: toneOfLevel[certificate.level],
    highlighted: severity(certificate.level) >= severity('warning'),
    context: ['certificate', ...actions].join(' '),
    target: { kind: 'certificate', host, source: certificate.source },
    children: () => [...places.map((place) => placeNode(id, place)), ...detailNodes(id, certificate)],
  };
}

/** A file or an endpoint with what is wrong there. */
function placeNode(parent: string, { host, certificate, actions }: Found): TreeNode {
  const { source, reasons, level } = certificate;
  return {
    id: `${parent}/source/${source}`,
    label: plain(shortPath(source)),
    description: reasons.map((reason) => reasonTexts[reason]).join(' · '),
    tooltip: [plain(source), plain(certificate.message)],
    icon: isFileSource(source) ? 'file' : 'globe',
    tone: reasons.length === 0 ? 'muted' : toneOfLevel[level],
    context: ['certificate', ...actions].join(' '),
    target: { kind: 'certificate', host, source },
  };
}

function iconOf(certificate: Certificate): string {
  if (certificate.status === 'expiring') return 'clock';
  return certificate.level === 'critical' ? 'error' : 'warning';
}

export function nameOf(certificate: Certificate): string {
  const [name] = certificate.names;
  const common = /(?:^|[,\n/])\s*CN\s*=\s*([^,\n/]+)/.exec(certificate.subject)?.[1];
  return plain(name ?? common ?? shortPath(certificate.source));
}

function detailsOf(certificate: Certificate): readonly string[] {
  return [
    `Subject: ${plain(certificate.subject)}`,
    `Issuer: ${plain(certificate.issuer)}`,
    ...(certificate.names.length === 0 ? [] : [`Names: ${plain(certificate.names.join(', '))}`]),
    ...(certificate.notBefore === null ? [] : [`Valid from: ${localTime(certificate.notBefore)}`]),
    ...(certificate.notAfter === null ? [] : [`Valid until: ${localTime(certificate.notAfter)}`]),
    ...(certificate.key === 'unknown'
      ? []
      : [`Key: ${certificate.key === 'match' ? 'matches the certificate' : 'does not match the certificate'}`]),
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
