/** Where a mistake hides what was meant to be closed, no scheduled run starts at all until it is corrected. */
import { missingFrom } from '../config/relied.ts';
import type { Config } from '../config/schema.ts';
import { Calendar } from './calendar.ts';

/** Places of maintenance.yaml; none = the blackouts are what the file says. */
export function unreadBlackouts(config: Config): readonly string[] {
  return missingFrom(config, ['blackouts']).map(({ path }) => path);
}

/** The same for people; null = scheduled runs start. */
export function schedulesHeld(config: Config): string | null {
  const places = unreadBlackouts(config);
  if (places.length === 0) return null;
  return `Nobody knows what is closed now, for a mistake in ${places.join(', ')} of maintenance.yaml: no scheduled run starts before it is corrected, and a manual one needs a reason; upkeep config check says what it is.`;
}

export function calendarOf(config: Config): Calendar {
  return new Calendar(config.blackouts, config.timezone, unreadBlackouts(config));
}
