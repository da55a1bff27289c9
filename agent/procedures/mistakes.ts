/** What a mistake in the settings of a procedure means for its run: never that a default does what nobody meant. */
import { missingFrom, type Loss, type Relied } from '../config/relied.ts';
import type { Config } from '../config/schema.ts';
import type { Finding, Outcome } from '../protocol/nouns.ts';

/** `refused`: nothing is done. `partial`: entries of lists are missing, the rest is done. `doubtful`: it only looks, or only what is told suffers. `none`: no mistake. */
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
  const refused = changes && missing.some(({ loss }) => loss === 'setting');
  const partial = changes && missing.some(({ loss }) => loss === 'entry');
  const findings = missing.map(({ path, loss }): Finding => {
    const effect = refused ? 'nothing was done' : effects[loss];
    const message = `There is a mistake in ${path} of maintenance.yaml, and so ${effect}; upkeep config check says what it is.`;
    return {
      level: refused || (changes && loss === 'entry') ? 'critical' : 'warning',
      code: 'config.mistake',
      subject: path,
      message,
    };
  });
  return { effect: refused ? 'refused' : partial ? 'partial' : 'doubtful', findings };
}

const effects = {
  setting: 'a default was used instead',
  entry: 'it was left out',
  told: 'not everything may be told that is to be told by it',
} as const satisfies Record<Loss, string>;

/** The outcome of what was done in spite of mistakes. */
export function affected<Given extends Outcome>(outcome: Given, effect: Effect): Given | 'failed' | 'warning' {
  if (effect === 'refused' || effect === 'partial') return 'failed';
  return effect === 'doubtful' && (outcome === 'changed' || outcome === 'unchanged') ? 'warning' : outcome;
}
