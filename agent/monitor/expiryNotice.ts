/** One notice for each threshold that a certificate passes: expiring, critical, expired. Another certificate in its place begins anew. */
import type { Certificate, Finding } from '../protocol/nouns.ts';
import type { Notice } from '../store/notices.ts';

/** What a certificate's coming end is told by. Its warning is a threshold that somebody has to hear of, unlike other warnings. */
export const expiryCode = 'certificates.expiry';

/** Null for findings of other kinds, which are told as often as they come. */
export function expiryNotice(finding: Finding, certificates: readonly Certificate[]): Notice | null {
  if (finding.code !== expiryCode) return null;
  const certificate = certificates.find(({ source }) => source === finding.subject);
  if (certificate === undefined || certificate.fingerprint === null || certificate.status === 'not_yet_valid')
    return null;
  return { identity: certificate.fingerprint, stage: stageOf(finding, certificate) };
}

const stages = { expiring: 1, critical: 2, expired: 3 } as const;

function stageOf(finding: Finding, certificate: Certificate): number {
  if (certificate.status === 'expired') return stages.expired;
  return finding.level === 'critical' ? stages.critical : stages.expiring;
}
