/** What is told of one certificate: its tooltip and the rows below it. Pure. */
import type { Certificate, Finding } from '../../agent/protocol/nouns.ts';
import { lifetimeAt } from './certificateLifetime.ts';
import { problemsOf, type Places } from './foundCertificates.ts';
import { iconOfLevel, toneOfLevel, type TreeNode } from './node.ts';
import { counted, localTime, plain, shortPath } from './text.ts';

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

const aspects: Readonly<Record<string, string>> = {
  expiry: 'Expiry',
  chain: 'Chain',
  host: 'Host name',
  key: 'Private key',
  strength: 'Strength',
  served: 'Served',
  source: 'Source',
};

/** Its hyphen is one at which no line is broken. */
const fingerprintName = 'SHA\u2011256';
const shownNames = 5;
const shownPlaces = 8;
const listedNames = 200;
const dayMs = 86_400_000;

/** A heading, what is wrong and what to do about it, the dates, who it is, its chain from the leaf to the root, where it was seen. */
export function certificateTooltip(heading: string, places: Places, now: Date): readonly string[] {
  const [{ certificate, report }] = places;
  const { text } = lifetimeAt(certificate, now);
  const problems = new Set(places.flatMap(problemsOf).map(problemText));
  const chain = certificate.chain.map((_, index) => chainText(certificate, index, now));
  const details = detailsOf(certificate, now).map(
    ({ name, value }) => `${name}: ${name === fingerprintName ? inHalves(value) : value}`,
  );
  const sources = places.slice(0, shownPlaces).map((place) => plain(place.certificate.source));
  const more = places.length - sources.length;
  return [
    [heading, text].filter((part) => part !== '').join(': '),
    ...(problems.size === 0 ? [plain(certificate.message)] : problems),
    '',
    ...details,
    ...(chain.length === 0 ? [] : ['', 'Chain, from the certificate to its root:', ...chain]),
    '',
    ...sources.map((source) => `Seen: ${source}`),
    ...(more > 0 ? [`Seen: in ${counted(more, 'more place')}`] : []),
    `Looked at: ${localTime(report.at)} (${plain(report.id.replace(':', ' '))})`,
  ];
}

/** Too long for one line, it would break anywhere. */
function inHalves(fingerprint: string): string {
  const middle = Math.ceil(fingerprint.length / 2);
  return `${fingerprint.slice(0, middle)} ${fingerprint.slice(middle)}`;
}

/** What the agent found wrong, each with its remedy as an action; the same in several places once, as these stand below. */
export function problemNodes(parent: string, places: Places): readonly TreeNode[] {
  const nodes = new Map<string, TreeNode>();
  for (const place of places)
    for (const finding of problemsOf(place)) {
      const remedy =
        finding.remedy !== undefined && place.procedures.has(finding.remedy.procedure) ? finding.remedy : null;
      const text = problemText(finding);
      const key = `${finding.code}/${text}`;
      if (nodes.has(key)) continue;
      nodes.set(key, {
        id: `${parent}/problem/${key}`,
        label: aspects[finding.code.slice(finding.code.indexOf('.') + 1)] ?? plain(finding.code),
        description: text,
        tooltip: [plain(finding.message), ...(remedy === null ? [] : [`Remedy: ${plain(remedy.title)}`])],
        icon: iconOfLevel[finding.level],
        tone: toneOfLevel[finding.level],
        context: remedy === null ? 'finding' : 'finding remediable',
        target: { kind: 'finding', host: place.host, finding, remedy },
      });
    }
  return [...nodes.values()];
}

/** Without the beginning that says which certificate and where: that stands around it. Long paths in short. */
export function problemText({ message, subject }: Finding): string {
  const place = message.indexOf(` ${subject} `);
  const begins = /^The certificate of \S+ (?:in|at)$/.test(message.slice(0, Math.max(0, place)));
  const rest = begins ? message.slice(place + subject.length + 2) : message.replaceAll(subject, shortPath(subject));
  return plain(rest.charAt(0).toUpperCase() + rest.slice(1));
}

interface Detail {
  readonly name: string;
  readonly value: string;
  /** One of several values, each a row of its own. */
  readonly list?: readonly string[];
}

export function detailNodes(parent: string, certificate: Certificate, now: Date): readonly TreeNode[] {
  const { chain } = certificate;
  const rows: readonly Detail[] = [
    ...detailsOf(certificate, now),
    ...(chain.length === 0
      ? []
      : [
          {
            name: 'Chain',
            value: counted(chain.length, 'certificate'),
            list: chain.map((_, index) => chainText(certificate, index, now)),
          },
        ]),
  ];
  return rows.map(({ name, value, list }) => {
    const node = detailNode(`${parent}/${name}`, name, value);
    if (list === undefined || list.length < 2) return node;
    return { ...node, children: () => list.map((text, index) => detailNode(`${parent}/${name}/${index}`, text, '')) };
  });
}

function detailNode(id: string, label: string, value: string): TreeNode {
  return {
    id,
    label,
    ...(value === '' ? {} : { description: value }),
    icon: 'dash',
    tone: 'muted',
    context: 'detail',
    target: { kind: 'text', text: value === '' ? label : value },
  };
}

function detailsOf(certificate: Certificate, now: Date): readonly Detail[] {
  const { names, subject, issuer, key, keyType, fingerprint } = certificate;
  const named = names.slice(0, listedNames).map(plain);
  const keyTexts = [
    ...(keyType === null || keyType === undefined ? [] : [plain(keyType)]),
    ...(key === 'unknown' ? [] : [key === 'match' ? 'matches the certificate' : 'does not match the certificate']),
  ];
  return [
    ...validity(certificate, now),
    ...(issuer === '' ? [] : [{ name: 'Issuer', value: plain(issuer) }]),
    ...(subject === '' ? [] : [{ name: 'Subject', value: plain(subject) }]),
    ...(names.length === 0 ? [] : [{ name: 'Names', value: namesText(named, names.length), list: named }]),
    ...(keyTexts.length === 0 ? [] : [{ name: 'Key', value: keyTexts.join(', ') }]),
    ...(fingerprint === null ? [] : [{ name: fingerprintName, value: plain(fingerprint) }]),
  ];
}

function validity(certificate: Certificate, now: Date): readonly Detail[] {
  const { span } = lifetimeAt(certificate, now);
  if (span === null) return [];
  const days = Math.round((Date.parse(span.notAfter) - Date.parse(span.notBefore)) / dayMs);
  const left = Math.round((1 - span.elapsed) * 100);
  return [
    { name: 'Valid from', value: localTime(span.notBefore) },
    { name: 'Valid until', value: `${localTime(span.notAfter)} (${left} % of ${counted(days, 'day')} left)` },
    {
      name: 'Warning',
      value: `from ${localTime(span.warnsFrom).slice(0, 10)}, critical from ${localTime(span.criticalFrom).slice(0, 10)}`,
    },
  ];
}

function namesText(names: readonly string[], count: number): string {
  const shown = names.slice(0, shownNames);
  const more = count - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
}

/** `1. CN=api.example.test, until 2026-11-29 (3 days left)` */
function chainText(certificate: Certificate, index: number, now: Date): string {
  const one = certificate.chain[index];
  if (one === undefined) return '';
  const days = Math.trunc((Date.parse(one.notAfter) - now.getTime()) / dayMs);
  const past = Date.parse(one.notAfter) < now.getTime();
  const when = past ? `expired ${counted(-days, 'day')} ago` : `${counted(days, 'day')} left`;
  return `${index + 1}. ${plain(one.subject)}, until ${localTime(one.notAfter).slice(0, 10)} (${when})`;
}
