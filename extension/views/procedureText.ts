/** A procedure and its options in plain words, for the question before it runs. Pure. */
import type { MethodResult } from '../../agent/protocol/methods.ts';
import type { ProcedureInfo } from '../../agent/protocol/nouns.ts';
import { plain, plainUpTo } from './text.ts';

/** `warnDays` → `Warn days` */
export function optionTitle(key: string): string {
  const words = plain(key).replace(
    /([a-z0-9])([A-Z])/g,
    (_, before: string, after: string) => `${before} ${after.toLowerCase()}`,
  );
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** `yes`, `no`, `3`, `a, b`; other values as JSON. */
export function valueText(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'string') return value === '' ? '(empty)' : plain(value);
  if (Array.isArray(value)) return value.length === 0 ? '(none)' : value.map(valueText).join(', ');
  return plain(JSON.stringify(value));
}

/** `Force: yes; Database: shop, crm`, or that all are left at their defaults. */
export function optionsText(options: Readonly<Record<string, unknown>>): string {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  if (entries.length === 0) return 'the defaults';
  return entries.map(([key, value]) => `${optionTitle(key)}: ${valueText(value)}`).join('; ');
}

/** What a run does is to be read whole: a question must not end before the part that matters. */
const longestImpact = 4000;

export interface ProcedureQuestion {
  readonly host: { readonly name: string; readonly place: string };
  readonly procedure: string;
  readonly options: Readonly<Record<string, unknown>>;
  /** Null when the agent does not list it. */
  readonly info: ProcedureInfo | null;
  /** Null when the agent can not tell. */
  readonly preview: MethodResult<'procedures.preview'> | null;
  readonly dryRun: boolean;
}

/** Lines of the modal question: which procedure, with what, where, and what that does to the host. */
export function procedureDetail({ host, procedure, options, info, preview, dryRun }: ProcedureQuestion): string {
  const changes = preview?.changes ?? info?.changes ?? true;
  const impact = preview?.impact ?? null;
  return [
    info === null
      ? `Procedure: ${plain(procedure)}`
      : `${plain(info.title)} (${plain(procedure)}): ${plain(info.summary)}.`,
    `Options: ${optionsText(options)}`,
    `Host: ${plain(host.name)} (${plain(host.place)})`,
    '',
    dryRun
      ? 'Dry run: it prints what it would do, and changes nothing.'
      : changes
        ? 'It changes this host.'
        : 'It only looks: nothing on the host is changed.',
    ...(impact === null || dryRun ? [] : [plainUpTo(impact, longestImpact)]),
  ].join('\n');
}
