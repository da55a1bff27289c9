/** Instants as the store keeps them, and as the wire has them. */
import type { Row } from './database.ts';

/** Milliseconds ↔ the ISO text of the wire; null stays null. */
export function isoOf(value: Row[string] | undefined): string | null {
  return typeof value === 'number' ? new Date(value).toISOString() : null;
}
export function millisecondsOf(text: string | null): number | null {
  return text === null ? null : Date.parse(text);
}
