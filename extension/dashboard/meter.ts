/** A value against its threshold, as shares of one scale. */
import type { Finding } from '../../agent/protocol/nouns.ts';
import type { Meter } from '../../webview/dashboardSchema.ts';
import { duration, plain } from '../views/text.ts';

/** Unit of values that are 0 or 1. */
const availability = 'available';
/** Room beyond the larger of value and threshold, so that the threshold is never at the very end. */
const headroom = 1.25;

/** Null when there is nothing to compare, or a number is negative or no number. Percentages have their natural scale. */
export function meterOf({ value, threshold, unit = '' }: Finding): Meter | null {
  if (value === undefined || threshold === undefined || unit === availability) return null;
  if (!Number.isFinite(value) || !Number.isFinite(threshold) || value < 0 || threshold < 0) return null;
  const larger = Math.max(value, threshold);
  const end = unit === '%' && larger <= 100 ? 100 : larger * headroom;
  const valueText = quantity(value, unit);
  const thresholdText = quantity(threshold, unit);
  return {
    value: end === 0 ? 0 : value / end,
    threshold: end === 0 ? 0 : threshold / end,
    valueText,
    thresholdText,
    text: `${valueText}, threshold ${thresholdText}`,
  };
}

/** What is there or is not has no scale: `available`, `not available`; empty for everything else. */
export function wordOf({ code, value, unit = '' }: Finding): string {
  if (value !== 0 && value !== 1) return '';
  if (unit !== availability && !(unit === '' && code.endsWith('.availability'))) return '';
  return value === 1 ? 'available' : 'not available';
}

/** `91 %`, `1.4 GiB`, `850 ms`, `12 processes`. */
export function quantity(value: number, unit: string): string {
  if (unit === 'bytes') return bytes(value);
  if (unit === 'ms') return duration(value);
  if (unit === 's') return duration(value * 1000);
  const number = (Math.round(value * 100) / 100).toLocaleString('en', { maximumFractionDigits: value < 10 ? 2 : 1 });
  return unit === '' || unit === 'ratio' ? number : `${number} ${plain(unit)}`;
}

const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

function bytes(value: number): string {
  const step = value < 1 ? 0 : Math.min(byteUnits.length - 1, Math.floor(Math.log2(value) / 10));
  const scaled = value / 1024 ** step;
  return `${scaled.toFixed(step > 0 && scaled < 10 ? 1 : 0)} ${byteUnits[step] ?? 'B'}`;
}
