/** What a mistake in the settings of a procedure means for its run: never that a default does what nobody meant. */
import { missingFrom, type Relied } from '../config/relied.ts';
import type { Config } from '../config/schema.ts';
import type { Finding, Outcome } from '../protocol/nouns.ts';

/** `refused`: nothing is done. `partial`: entries of lists are missing, the rest is done. `doubtful`: it only looks. `none`: no mistake. */
type Effect = 'refused' | 'partial' | 'doubtful' | 'none';

export interface Mistakes {
  readonly effect: Effect;
  /** One for each place. */
  readonly findings: readonly Finding[];
}

/** `changes`: whether the run would change anything, or plans to. */
export function mistakesIn(config: Config, settings: readonly Relied[], changes: boolean): Mistakes {
  const missing = missingFrom(config, settings);
  if (missing.length === 0) return { effect: 'none', findings: [] };
  const refused = changes && missing.some(({ entry }) => !entry);
  const findings = missing.map(({ path, entry }): Finding => {
    const effect = refused ? 'nothing was done' : entry ? 'it was left out' : 'a default was used instead';
    const message = `There is a mistake in ${path} of maintenance.yaml, and so ${effect}; upkeep config check says what it is.`;
    return { level: changes ? 'critical' : 'warning', code: 'config.mistake', subject: path, message };
  });
  return { effect: refused ? 'refused' : changes ? 'partial' : 'doubtful', findings };
}

/** The outcome of what was done in spite of mistakes. */
export function affected<Given extends Outcome>(outcome: Given, effect: Effect): Given | 'failed' | 'warning' {
  if (effect === 'refused' || effect === 'partial') return 'failed';
  return effect === 'doubtful' && (outcome === 'changed' || outcome === 'unchanged') ? 'warning' : outcome;
}
