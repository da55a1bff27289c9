/** Scalars of the configuration that carry a unit. */
import * as z from 'zod';

const factors = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;
const durationPattern = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)$/;

/** `90s`, `5m`, `1.5h`, `30d` → milliseconds; null when it is not a duration. */
export function parseDuration(text: string): number | null {
  const match = durationPattern.exec(text.trim());
  if (match === null) return null;
  return Math.round(Number(match[1]) * factors[match[2] as keyof typeof factors]);
}

/** A duration as text with unit (`30s`, `5m`, `7d`); milliseconds once parsed. A bare number would hide its unit and is refused. */
export const duration = z
  .string()
  .regex(durationPattern, 'a duration with its unit: 500ms, 30s, 5m, 2h, 7d')
  .transform((text) => parseDuration(text) ?? 0)
  .meta({ description: 'Duration with unit: 500ms, 30s, 5m, 2h, 7d' });

export const percent = z.number().min(0).max(100);

/** Milliseconds → the shortest exact form: `5s`, `90s`, `1h`, `7d`. */
export function formatDuration(milliseconds: number): string {
  const units = ['w', 'd', 'h', 'm', 's'] as const;
  const unit = units.find((candidate) => milliseconds >= factors[candidate] && milliseconds % factors[candidate] === 0);
  return unit === undefined ? `${milliseconds}ms` : `${milliseconds / factors[unit]}${unit}`;
}

const byteFactors = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
} as const;
const bytesPattern = /^(\d+(?:\.\d+)?)\s*(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)$/;

/** `500MB`, `10GiB` → bytes; null when it is not a size. */
export function parseBytes(text: string): number | null {
  const match = bytesPattern.exec(text.trim());
  if (match === null) return null;
  return Math.round(Number(match[1]) * byteFactors[match[2] as keyof typeof byteFactors]);
}

/** A size as text with unit; bytes once parsed. A bare number would hide its unit and is refused. */
export const byteSize = z
  .string()
  .regex(bytesPattern, 'a size with its unit: 500MB, 512MiB, 10GiB')
  .transform((text) => parseBytes(text) ?? 0)
  .meta({ description: 'Size with unit: 500MB, 512MiB, 10GiB' });

/** Bytes as people read them: `1.5 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ['TiB', 'GiB', 'MiB', 'KiB'] as const;
  const unit = units.find((candidate) => bytes >= byteFactors[candidate]);
  return unit === undefined ? `${Math.round(bytes)} B` : `${(bytes / byteFactors[unit]).toFixed(1)} ${unit}`;
}
