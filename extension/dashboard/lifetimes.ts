/** Certificates of a host as lifetimes, the most urgent first. */
import type { Certificate } from '../../agent/protocol/nouns.ts';
import type { Lifetime, Mark } from '../../webview/dashboardSchema.ts';
import type { HostView } from '../state/host.ts';
import { certificatesOf, lifetimeText, nameOf, reasonTexts } from '../views/certificatesModel.ts';
import { toneOfLevel } from '../views/node.ts';
import { localTime, plain } from '../views/text.ts';

const shownLifetimes = 25;
const day = 86_400_000;

export function lifetimesOf(host: HostView, now: Date): { lifetimes: Lifetime[]; note: string } {
  const all = certificatesOf([host]);
  const more = all.length - shownLifetimes;
  return {
    lifetimes: all.slice(0, shownLifetimes).map(({ certificate }) => lifetimeOf(certificate, now)),
    note:
      all.length === 0
        ? 'No certificate is known. A task of the procedure check-certificates finds them.'
        : more > 0
          ? `${more} more, less urgent`
          : '',
  };
}

function lifetimeOf(certificate: Certificate, now: Date): Lifetime {
  return {
    id: certificate.source,
    name: nameOf(certificate),
    source: plain(certificate.source),
    tone: toneOfLevel[certificate.level],
    mark: markOf(certificate),
    text: lifetimeText(certificate, now),
    reasons: certificate.reasons.map((reason) => reasonTexts[reason]),
    span: spanOf(certificate, now),
    details: [
      plain(certificate.message),
      `Issuer: ${plain(certificate.issuer)}`,
      ...(certificate.names.length < 2 ? [] : [`Names: ${plain(certificate.names.join(', '))}`]),
    ],
  };
}

function spanOf({ notBefore, notAfter, warnDays }: Certificate, now: Date): Lifetime['span'] {
  if (notBefore === null || notAfter === null) return null;
  const from = Date.parse(notBefore);
  const to = Date.parse(notAfter);
  const share = (instant: number): number =>
    to <= from ? 1 : Math.min(1, Math.max(0, (instant - from) / (to - from)));
  return {
    from: localTime(notBefore).slice(0, 10),
    to: localTime(notAfter).slice(0, 10),
    elapsed: share(now.getTime()),
    warnAt: share(to - warnDays * day),
  };
}

function markOf({ status, level }: Certificate): Mark {
  if (level === 'ok' || level === 'info') return 'pass';
  if (status === 'expiring') return 'clock';
  return level === 'critical' ? 'error' : 'warning';
}
