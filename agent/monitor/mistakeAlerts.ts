/** Alerts about what a mistake in the configuration in force keeps the agent from doing. */
import type { Config } from '../config/schema.ts';
import { schedulesHeld } from '../schedule/blackoutsInForce.ts';
import { modeHeld } from '../window/flagFile.ts';
import type { Alerts } from './alerts.ts';
import { historyHeld } from './historyHold.ts';

interface MistakeAlert {
  readonly key: string;
  readonly level: 'critical' | 'warning';
  readonly title: string;
  /** What it is and what does not happen; null = all is well. */
  readonly message: (config: Config) => string | null;
}

const alertsOfMistakes: readonly MistakeAlert[] = [
  {
    key: 'store:kept',
    level: 'warning',
    title: 'Old history is not deleted',
    message: historyHeld,
  },
  {
    key: 'schedule:blackouts',
    level: 'critical',
    title: 'No scheduled run starts',
    message: schedulesHeld,
  },
  {
    key: 'mode:flag',
    level: 'warning',
    title: 'Maintenance mode can not be switched on',
    message: modeHeld,
  },
];

/** Raises each once for the same mistakes, and resolves those that are well again. */
export function tellOfMistakes(config: Config, alerts: Pick<Alerts, 'raise' | 'resolve' | 'open'>): void {
  for (const { key, level, title, message: messageOf } of alertsOfMistakes) {
    const message = messageOf(config);
    if (message === null) alerts.resolve(key);
    else if (!alerts.open().some((open) => open.key === key && open.message === message)) {
      alerts.raise({ key, level, title, message, runId: null });
    }
  }
}
