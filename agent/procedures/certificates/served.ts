/** Compares what is served with what lies on the disk: a renewed certificate is worth nothing before its service reloads. */
import type { X509Certificate } from 'node:crypto';
import { fingerprintOf, type Problem } from './analyse.ts';
import { coversHost } from './names.ts';
import { day } from './problems.ts';

export interface OnDisk {
  readonly file: string;
  readonly leaf: X509Certificate;
  readonly names: readonly string[];
}

/** Null when some file holds what `host` serves, or when no file is for `host`. */
export function servedDiffers(
  source: string,
  host: string,
  served: X509Certificate,
  servedNames: readonly string[],
  files: readonly OnDisk[],
): Problem | null {
  const fingerprint = fingerprintOf(served);
  const covering = files.filter(({ leaf, names }) => isMeantFor(leaf, names, host, servedNames));
  if (covering.some(({ leaf }) => fingerprintOf(leaf) === fingerprint)) return null;
  const newest = covering.reduce<OnDisk | null>(
    (found, file) => (found === null || file.leaf.validFromDate > found.leaf.validFromDate ? file : found),
    null,
  );
  if (newest === null) return null;
  const message = `${source} serves a certificate that ends on ${day(served.validToDate)}, but ${newest.file} holds another one that ends on ${day(newest.leaf.validToDate)}; reload the service.`;
  return { aspect: 'served', reason: 'served_differs', level: 'warning', message };
}

/** A wildcard on this disk says nothing of a host that has a certificate of its very own. */
function isMeantFor(
  leaf: X509Certificate,
  names: readonly string[],
  host: string,
  servedNames: readonly string[],
): boolean {
  return names.includes(host) || (!servedNames.includes(host) && coversHost(leaf, host));
}
