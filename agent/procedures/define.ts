/**
 * The one shape of every built-in procedure. Command line, YAML options, editor form, JSON schema and documentation derive
 * from a definition; nothing about a procedure is declared a second time. A definition is light, for every agent and every
 * command loads all of them; the work behind it is loaded when it runs.
 */
import type * as z from 'zod';
import type { Relied } from '../config/relied.ts';
import type { Config } from '../config/schema.ts';
import type { Finding, Outcome, Progress } from '../protocol/nouns.ts';
import { affected, mistakesIn } from './mistakes.ts';

export const areas = [
  'database',
  'logs',
  'certificates',
  'dependencies',
  'health',
  'cache',
  'windows',
  'emergency',
] as const;
export type Area = (typeof areas)[number];

/** What a procedure may end with by itself; the runner adds `timed-out`, `cancelled`, `lost` and so on. */
export type ProcedureOutcome = Extract<Outcome, 'changed' | 'unchanged' | 'warning' | 'failed'>;

/** Everything that a procedure may use of the world around it. */
export interface ProcedureContext {
  readonly config: Config;
  /** True = print the plan, change nothing. */
  readonly dryRun: boolean;
  /** Aborted when the run is stopped; a procedure then cleans up and throws `signal.reason`. */
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder in which a procedure may keep what it must remember until the next run; who writes there first makes it (memory.ts). */
  readonly memoryDirectory: string;
  readonly now: () => Date;
  /** Records an observation at once: in the results, and as a line of the output. */
  readonly finding: (finding: Finding) => void;
  readonly progress: (progress: Progress) => void;
  /** One line of text for people. */
  readonly print: (line: string) => void;
  /** Hides the secrets that this process knows; for what a procedure writes into files itself. Absent: nothing is known. */
  readonly mask?: (text: string) => string;
}

export interface ProcedureResult<Part> {
  readonly outcome: ProcedureOutcome;
  /** The procedure's own part of the JSON document (DESIGN.md §9). */
  readonly part: Part;
}

/** What `<name>Work.ts` exports. */
export interface ProcedureWork<Options extends z.ZodObject, Part extends z.ZodObject> {
  /** The procedure's own part of the JSON document; what `run` gives is checked against it. */
  readonly part: Part;
  readonly run: (options: z.infer<Options>, context: ProcedureContext) => Promise<ProcedureResult<z.infer<Part>>>;
}

export interface ProcedureDefinition<
  Options extends z.ZodObject = z.ZodObject,
  Part extends z.ZodObject = z.ZodObject,
> {
  /** Kebab-case; the seed's script name without `.sh`. */
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly area: Area;
  /** Title Case, for the editor. */
  readonly title: string;
  /** One sentence in the imperative, without a full stop. */
  readonly summary: string;
  /** True when it changes anything; it then honours `dryRun`. */
  readonly changes: boolean;
  /** True for options with which it only looks, though it `changes` with others. */
  readonly looksOnly?: (options: z.infer<Options>) => boolean;
  /** All settings that it works by. With a mistake in one of them, what changes anything refuses (mistakes.ts). */
  readonly settings: readonly Relied[];
  /** Keys in camelCase; each with `.describe()`. On the command line kebab-case, in YAML snake_case. */
  readonly options: Options;
  /**
   * What a run with these options does to the host, in a few sentences for the person who is about to start it: what is
   * locked and for whom, how long and how large it is, what is deleted. Absent: `summary` says it all.
   */
  readonly impact?: (options: z.infer<Options>, config: Config) => string | Promise<string>;
  /** Values that exist on this host for an option, by its name, the likeliest first. Absent: there is nothing to choose from. */
  readonly choices?: (config: Config) => Promise<OptionChoices>;
  /** Imports the work: `() => import('./<name>Work.ts')`. */
  readonly work: () => Promise<ProcedureWork<Options, Part>>;
}

/** By option: what may be given for it, and what that is. */
export type OptionChoices = Record<string, { readonly value: string; readonly description: string }[]>;

/** A definition whose option type is no longer known: what the registry holds. Options are parsed before they reach `run`. */
export interface AnyProcedure extends Omit<ProcedureDefinition, 'work' | 'impact' | 'looksOnly'> {
  /** Parses `options` (throws ZodError), loads the work and runs; a mistake in `settings` may refuse that, with an empty part. */
  readonly execute: (options: unknown, context: ProcedureContext) => Promise<ProcedureResult<Record<string, unknown>>>;
  /** Parses `options` (throws ZodError) and says what a run with them does; null = the definition does not say. */
  readonly impactOf: (options: unknown, config: Config) => Promise<string | null>;
}

export function defineProcedure<Options extends z.ZodObject, Part extends z.ZodObject>(
  definition: ProcedureDefinition<Options, Part>,
): AnyProcedure {
  const { work, impact, looksOnly, ...rest } = definition;
  const mistakesFor = (parsed: z.infer<Options>, config: Config) =>
    mistakesIn(config, definition.settings, definition.changes && looksOnly?.(parsed) !== true);
  const options = definition.options.strict();
  return {
    ...rest,
    options,
    execute: async (given, context) => {
      const parsed = options.parse(given) as z.infer<Options>;
      const mistakes = mistakesFor(parsed, context.config);
      mistakes.findings.forEach(context.finding);
      if (mistakes.effect === 'refused') return { outcome: 'failed', part: {} };
      const { part, run } = await work();
      const result = await run(parsed, context);
      return { outcome: affected(result.outcome, mistakes.effect), part: part.parse(result.part) };
    },
    impactOf: async (given, config) => {
      const parsed = options.parse(given) as z.infer<Options>;
      const { effect, findings } = mistakesFor(parsed, config);
      if (effect === 'refused') return `It refuses. ${findings.map(({ message }) => message).join(' ')}`;
      return impact === undefined ? null : await impact(parsed, config);
    },
  };
}

const severity: Record<Finding['level'], number> = { ok: 0, info: 1, warning: 2, critical: 3 };

/** Outcome by findings: `warning` when any is warning or critical, else what the procedure says that it did. */
export function outcomeOf(
  findings: readonly Finding[],
  otherwise: Extract<ProcedureOutcome, 'changed' | 'unchanged'>,
): ProcedureOutcome {
  return findings.some((finding) => severity[finding.level] >= severity.warning) ? 'warning' : otherwise;
}
