/** Certificates of a host as bars from issue to expiry, the most urgent first; the model is that of the tree. */
import type { Lifetime, Mark } from '../../webview/dashboardSchema.ts';
import type { HostView } from '../state/host.ts';
import { problemText, reasonTexts } from '../views/certificateDetails.ts';
import { lifetimeAt, type CertificateLifetime, type LifetimeSpan } from '../views/certificateLifetime.ts';
import { certificateId, certificatesWithPlaces, nameOf, problemsOf, type Places } from '../views/foundCertificates.ts';
import { localTime, plain } from '../views/text.ts';

const shownLifetimes = 25;
const shownPlaces = 3;

export function lifetimesOf(host: HostView, now: Date): { lifetimes: Lifetime[]; note: string } {
  const all = certificatesWithPlaces(host, now);
  const more = all.length - shownLifetimes;
  return {
    lifetimes: all.slice(0, shownLifetimes).map((places) => lifetimeOf(places, now)),
    note:
      all.length === 0
        ? 'No certificate is known. A task of the procedure check-certificates finds them.'
        : more > 0
          ? `${more} more, less urgent`
          : '',
  };
}

function lifetimeOf(places: Places, now: Date): Lifetime {
  const [{ host, certificate }] = places;
  const { tone, icon, text, level, span } = lifetimeAt(certificate, now);
  const reasons = new Set(places.flatMap((place) => place.certificate.reasons));
  const problems = new Set(places.flatMap(problemsOf).map(problemText));
  return {
    id: certificateId(host, certificate),
    name: nameOf(certificate),
    source: sourcesText(places),
    tone,
    mark: markOf[icon],
    text,
    reasons: [...reasons].map((reason) => reasonTexts[reason]),
    span: span === null ? null : barOf(span),
    spoken: [level, ...(span === null ? [] : [spokenSpan(span)])].join(', '),
    details: [
      ...(problems.size === 0 ? [plain(certificate.message)] : problems),
      `Issuer: ${plain(certificate.issuer)}`,
      ...(certificate.names.length < 2 ? [] : [`Names: ${plain(certificate.names.join(', '))}`]),
    ],
    command: { name: 'showCertificate', host, source: certificate.source },
  };
}

/** `/etc/ssl/api.pem, api:443 and 3 more` */
function sourcesText(places: Places): string {
  const shown = places.slice(0, shownPlaces).map(({ certificate }) => plain(certificate.source));
  const more = places.length - shown.length;
  return `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

const markOf: Readonly<Record<CertificateLifetime['icon'], Mark>> = {
  verified: 'pass',
  clock: 'clock',
  warning: 'warning',
  error: 'error',
};

function barOf({ notBefore, notAfter, elapsed, warnAt, criticalAt }: LifetimeSpan): Lifetime['span'] {
  return { from: dateOf(notBefore), to: dateOf(notAfter), elapsed, warnAt, criticalAt };
}

/** What the bar shows, for those who do not see it. */
function spokenSpan({ notBefore, notAfter, warnsFrom, criticalFrom, elapsed }: LifetimeSpan): string {
  const over = `${Math.round(elapsed * 100)} % of its lifetime is over`;
  return `${over}, from ${dateOf(notBefore)} to ${dateOf(notAfter)}, warning from ${dateOf(warnsFrom)}, critical from ${dateOf(criticalFrom)}`;
}

function dateOf(instant: string): string {
  return localTime(instant).slice(0, 10);
}
