/** Levels of findings, compared. */
import { findingLevels, type FindingLevel } from '../../agent/protocol/nouns.ts';

export function worst(levels: readonly FindingLevel[]): FindingLevel {
  return levels.reduce((a, b) => (severity(b) > severity(a) ? b : a), 'ok');
}

export function severity(level: FindingLevel): number {
  return findingLevels.indexOf(level);
}

/** Warnings and what is worse. */
export function isProblem(level: FindingLevel): boolean {
  return severity(level) >= severity('warning');
}
