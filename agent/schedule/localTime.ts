/** Instants as people write them in the configuration: a date and time of a zone. */
import type { Zone } from './zone.ts';

const form = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(Z|[+-]\d\d:?\d\d)?)?$/i;

/**
 * `2026-12-24T02:00`, also with seconds, or a date alone (its midnight): local to the zone unless `Z` or an offset follows.
 * A time that the clock skips is the instant of the jump, one that it shows twice its first pass. Null = not understood.
 */
export function instantIn(zone: Zone, text: string): number | null {
  const [, date = '', time = '00:00', offset] = form.exec(text.trim()) ?? [];
  const local = Date.parse(`${date}T${time}Z`);
  // Date rolls 30 February over to March.
  if (Number.isNaN(local) || !new Date(local).toISOString().startsWith(date)) return null;
  if (offset === undefined) return zone.landing(local).at;
  const instant = Date.parse(`${date}T${time}${offset.toUpperCase()}`);
  return Number.isNaN(instant) ? null : instant;
}
