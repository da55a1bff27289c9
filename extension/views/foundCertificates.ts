/** Which certificates the hosts have, and where each was found. Pure. */
import type { Certificate, Finding, Report } from '../../agent/protocol/nouns.ts';
import type { HostView } from '../state/host.ts';
import { actionWords, isFileSource } from './certificateActions.ts';
import { byUrgency } from './certificateLifetime.ts';
import { isProblem, severity } from './levels.ts';
import { grouped, plainUpTo, shortPath } from './text.ts';

/** A certificate in one place. */
export interface Found {
  readonly host: string;
  readonly certificate: Certificate;
  /** The report that saw it last there. */
  readonly report: Pick<Report, 'id' | 'at' | 'findings'>;
  /** What can be done about it, for `when` clauses. */
  readonly actions: readonly string[];
  /** Names of the procedures that its agent has. */
  readonly procedures: ReadonlySet<string>;
}

/** At least one place, the worst first. */
export type Places = readonly [Found, ...Found[]];

/** Of each source on each host what was seen last, the most urgent first. */
export function certificatesOf(hosts: readonly HostView[], now: Date): readonly Found[] {
  const newest = new Map<string, Found>();
  for (const host of hosts) {
    const procedures = new Set(host.data?.procedures.map(({ name }) => name));
    for (const report of [...(host.data?.reports ?? [])].sort((a, b) => a.at.localeCompare(b.at)))
      for (const certificate of report.certificates ?? [])
        newest.set(JSON.stringify([host.name, certificate.source]), {
          host: host.name,
          certificate,
          report,
          actions: [...actionWords(certificate, host.data), ...placeWords(certificate, host)],
          procedures,
        });
  }
  return [...newest.values()].sort((a, b) => byUrgency(a.certificate, b.certificate, now));
}

/** What the agent found wrong with a certificate in its place, the worst first. */
export function problemsOf({ certificate, report }: Pick<Found, 'certificate' | 'report'>): readonly Finding[] {
  return report.findings
    .filter(({ code, subject, level }) => isAbout(code) && subject === certificate.source && isProblem(level))
    .sort((a, b) => severity(b.level) - severity(a.level));
}

/** The place that a finding or the key of an alert is about (`finding:certificates.expiry:/etc/ssl/a.pem`); null for others. */
export function certificateSource(about: Pick<Finding, 'code' | 'subject'> | { readonly key: string }): string | null {
  if ('code' in about) return isAbout(about.code) ? about.subject : null;
  return /^finding:certificates\.\w+:(.+)$/s.exec(about.key)?.[1] ?? null;
}

/** Longer ones would push out of a row what is wrong; the whole name is below it and in its tooltip. */
const longestLabel = 64;

export function nameOf(certificate: Certificate): string {
  const [name] = certificate.names;
  const common = /(?:^|[,\n/])\s*CN\s*=\s*([^,\n/]+)/.exec(certificate.subject)?.[1];
  return plainUpTo(name ?? common ?? shortPath(certificate.source), longestLabel);
}

/** Its node's id, by which the view finds it. */
export function certificateId(host: string, certificate: Certificate): string {
  return `host/${host}/certificate/${certificate.fingerprint ?? certificate.source}`;
}

/** Lists by the reports that they were made of: views are drawn with every event, certificates change a few times a day. */
const lists = new WeakMap<
  readonly Report[],
  { readonly key: string; readonly data: unknown; readonly places: readonly Places[] }
>();
const minuteMs = 60_000;

/**
 * The same leaf in several places is one certificate; what can not be read is its place. The same list as long as nothing has
 * changed, for a minute at most, as thresholds pass.
 */
export function certificatesWithPlaces(host: HostView, now: Date): readonly Places[] {
  if (host.data === null) return [];
  const { reports, procedures } = host.data;
  const key = JSON.stringify([host.name, host.url, Math.floor(now.getTime() / minuteMs)]);
  const known = lists.get(reports);
  if (known?.key === key && known.data === procedures) return known.places;
  const groups = grouped(certificatesOf([host], now), ({ certificate }) => certificateId(host.name, certificate));
  const places = [...groups.values()].flatMap(([first, ...more]): Places[] =>
    first === undefined ? [] : [[first, ...more]],
  );
  lists.set(reports, { key, data: procedures, places });
  return places;
}

/** Words of the place itself: whether it has a fingerprint to copy, and is a file that this editor can open. */
function placeWords({ fingerprint, source }: Certificate, { url }: HostView): readonly string[] {
  const here = url === 'local' || url.startsWith('unix:');
  return [...(fingerprint === null ? [] : ['fingerprinted']), ...(here && isFileSource(source) ? ['openable'] : [])];
}

function isAbout(code: string): boolean {
  return code.startsWith('certificates.');
}
