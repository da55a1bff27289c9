/** What a run starts, as people are shown it before they approve: from its own record, without secrets. */
import * as z from 'zod';
import type { RunPlan } from '../protocol/nouns.ts';
import { namesOf } from '../secrets/seal.ts';
import type { Secrets } from '../secrets/secrets.ts';
import type { Launch } from './directory.ts';

const optionsText = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue('not JSON');
      return z.NEVER;
    }
  })
  .pipe(z.record(z.string(), z.unknown()));

/** Secrets only by their names, or masked; null when there is no record. */
export function planOf(launch: Launch | null, secrets: Secrets): RunPlan | null {
  if (launch === null) return null;
  const { command, self, timeoutMs, settings } = launch;
  const options = self ? (launch.options ?? optionsOf(command)) : null;
  return {
    command: secrets.deep(namesOf(options === null ? command : command.slice(0, 1))),
    options: secrets.deep(namesOf(options)),
    user: settings.user,
    timeoutMs,
    locks: [...settings.locks],
  };
}

function optionsOf(command: readonly string[]): Record<string, unknown> | null {
  return optionsText.safeParse(command[command.indexOf('--options-json') + 1]).data ?? null;
}
