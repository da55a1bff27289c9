/** What a run starts, as people are shown it before they approve: from its own record, without secrets. */
import * as z from 'zod';
import type { RunPlan } from '../protocol/nouns.ts';
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

/** Shorter ones would blank out ordinary words. */
const shortestSecret = 4;

/** `secrets`: values of the configuration that nobody may see. Null when there is no record. */
export function planOf(launch: Launch | null, secrets: readonly string[]): RunPlan | null {
  if (launch === null) return null;
  const { command, self, timeoutMs, settings } = launch;
  const options = self ? optionsOf(command) : null;
  const plan: RunPlan = {
    command: options === null ? command : command.slice(0, 1),
    options,
    user: settings.user,
    timeoutMs,
    locks: [...settings.locks],
  };
  return masked(plan, secrets);
}

function optionsOf(command: readonly string[]): Record<string, unknown> | null {
  return optionsText.safeParse(command[command.indexOf('--options-json') + 1]).data ?? null;
}

function masked(plan: RunPlan, secrets: readonly string[]): RunPlan {
  const hide = (text: string): string =>
    secrets.filter(({ length }) => length >= shortestSecret).reduce((left, one) => left.replaceAll(one, '***'), text);
  const hideIn = (value: unknown): unknown => {
    if (typeof value === 'string') return hide(value);
    if (Array.isArray(value)) return value.map(hideIn);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, hideIn(inner)]));
  };
  const options =
    plan.options === null
      ? null
      : Object.fromEntries(Object.entries(plan.options).map(([key, value]) => [key, hideIn(value)]));
  return { ...plan, command: plan.command.map(hide), options };
}
