/** Certificates view: each certificate of each host once, the most urgent first, with the places where it was found. */
import type { Certificate } from '../../agent/protocol/nouns.ts';
import type { HostView } from '../state/host.ts';
import { isFileSource } from './certificateActions.ts';
import { certificateTooltip, detailNodes, problemNodes, reasonTexts } from './certificateDetails.ts';
import { lifetimeAt } from './certificateLifetime.ts';
import { certificateId, certificatesWithPlaces, nameOf, type Found, type Places } from './foundCertificates.ts';
import { byHost } from './hostNode.ts';
import { isProblem, severity } from './levels.ts';
import { toneOfLevel, type TreeNode } from './node.ts';
import { plain, shortPath } from './text.ts';

export function certificatesModel(hosts: readonly HostView[], now: Date): readonly TreeNode[] {
  const known = new Map(hosts.map((host) => [host.name, certificatesWithPlaces(host, now)]));
  const of = (name: string): readonly Places[] => known.get(name) ?? [];
  const urgent = (name: string): number => severity(worstOf(of(name), now));
  const nodes = byHost(
    hosts,
    ({ name }) => summaryOf(of(name), now),
    ({ name }) => of(name).map((places) => certificateNode(places, now)),
    now,
  );
  if (nodes.every(({ target }) => target.kind !== 'host')) return nodes;
  // Where nothing is known yet, what comes must be seen: VS Code leaves a row that it has shown folded as it is.
  const isOpen = (name: string): boolean => of(name).length === 0 || urgent(name) >= severity('warning');
  const nameOfNode = ({ target }: TreeNode): string => (target.kind === 'host' ? target.host : '');
  return nodes
    .map((node) => ({ ...node, expanded: isOpen(nameOfNode(node)) }))
    .sort((a, b) => urgent(nameOfNode(b)) - urgent(nameOfNode(a)));
}

/** `1 critical · 2 expiring · 12 fine` over all hosts; empty when no certificate is known. */
export function certificatesSummary(hosts: readonly HostView[], now: Date): string {
  return summaryOf(
    hosts.flatMap((host) => certificatesWithPlaces(host, now)),
    now,
  );
}

/** `12 days left`, `expired 3 days ago`, `can not be read`, with what else is wrong. */
export function stateText(certificate: Certificate, now: Date): string {
  return statesOf(certificate, certificate.reasons, now).join(' · ');
}

function statesOf(certificate: Certificate, reasons: Iterable<Certificate['reasons'][number]>, now: Date): string[] {
  return [lifetimeAt(certificate, now).text, ...[...reasons].map((reason) => reasonTexts[reason])].filter(
    (text) => text !== '',
  );
}

/** `places` are sorted, so the first one is the worst. */
function certificateNode(places: Places, now: Date): TreeNode {
  const [{ host, certificate, actions }] = places;
  const id = certificateId(host, certificate);
  const lifetime = lifetimeAt(certificate, now);
  const reasons = new Set(places.flatMap((place) => place.certificate.reasons));
  const label = nameOf(certificate);
  const description = statesOf(certificate, reasons, now).join(' · ');
  return {
    id,
    label,
    description,
    spoken: [label, description, ...(lifetime.level === 'ok' ? [] : [lifetime.level])].join(', '),
    tooltip: () => certificateTooltip(label, places, now),
    icon: lifetime.icon,
    tone: lifetime.tone,
    highlighted: isProblem(lifetime.level),
    context: ['certificate', ...actions].join(' '),
    target: { kind: 'certificate', host, source: certificate.source },
    children: () => [
      ...problemNodes(id, places),
      ...places.map((place) => placeNode(id, place)),
      ...detailNodes(id, certificate, now),
    ],
  };
}

/** A file or an endpoint with what is wrong there. */
function placeNode(parent: string, { host, certificate, actions }: Found): TreeNode {
  const { source, reasons, level } = certificate;
  const file = isFileSource(source);
  return {
    id: `${parent}/source/${source}`,
    label: plain(shortPath(source)),
    description: [file ? 'file' : 'served', ...reasons.map((reason) => reasonTexts[reason])].join(' · '),
    tooltip: [plain(source), plain(certificate.message)],
    icon: file ? 'file' : 'globe',
    tone: reasons.length === 0 ? 'muted' : toneOfLevel[level],
    context: ['certificate', 'place', ...actions].join(' '),
    target: { kind: 'certificate', host, source },
  };
}

function summaryOf(certificates: readonly Places[], now: Date): string {
  const counts = { critical: 0, warning: 0, fine: 0 };
  for (const [{ certificate }] of certificates) {
    const { level } = lifetimeAt(certificate, now);
    counts[level === 'critical' || level === 'warning' ? level : 'fine'] += 1;
  }
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([word, count]) => `${count} ${word}`)
    .join(' · ');
}

function worstOf(certificates: readonly Places[], now: Date): Certificate['level'] {
  const [first] = certificates;
  return first === undefined ? 'ok' : lifetimeAt(first[0].certificate, now).level;
}
