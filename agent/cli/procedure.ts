/** `upkeep PROCEDURE`: one command per built-in procedure, made from its definition. Children of the agent are called so too. */
import { resolve } from 'node:path';
import { Option, type Command } from 'commander';
import * as z from 'zod';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import type { AnyProcedure, ProcedureOutcome } from '../procedures/define.ts';
import { optionsJsonSchema } from '../procedures/describe.ts';
import { optionKeyToFlag, optionsVariable } from '../procedures/options.ts';
import { messageOf } from '../thrown.ts';
import { UsageError } from './errors.ts';
import { writeJson, type Io } from './io.ts';
import { defaultConfigFile } from './paths.ts';
import { createContext } from './procedureContext.ts';

const property = z.object({
  type: z.string().optional(),
  enum: z.array(z.unknown()).optional(),
  description: z.string().optional(),
  items: z.object({ type: z.string().optional() }).optional(),
});

/** Registers all of `procedures`, or `only` one of them. */
export function registerProcedures(
  program: Command,
  io: Io,
  procedures: ReadonlyMap<string, AnyProcedure>,
  only?: AnyProcedure,
): void {
  for (const procedure of only === undefined ? new Set(procedures.values()) : [only]) {
    const command = program.command(procedure.name).summary(procedure.summary).description(`${procedure.summary}.`);
    for (const alias of procedure.aliases ?? []) command.alias(alias);
    for (const option of optionsOf(procedure)) command.addOption(option);
    command
      .addOption(configOption(procedure))
      .option('--json', 'one JSON document on standard output')
      .option('--strict', 'exit code 3 when there are warnings')
      .addOption(new Option('--options-json <json>').hideHelp())
      .addOption(new Option('--options-env').hideHelp());
    command.option('--dry-run', procedure.changes ? 'print the plan, change nothing' : 'the same: it changes nothing');
    command.action(async (given: Record<string, unknown>) => {
      await runInForeground(procedure, given, io, procedures);
    });
  }
}

async function runInForeground(
  procedure: AnyProcedure,
  given: Record<string, unknown>,
  io: Io,
  procedures: ReadonlyMap<string, AnyProcedure>,
): Promise<void> {
  const { config: files, json, strict, dryRun, optionsJson, optionsEnv, ...flags } = given;
  const { file, own } = splitConfigs(procedure, z.array(z.string()).default([]).parse(files));
  const handedOver = optionsEnv === true ? io.env[optionsVariable] : optionsJson;
  const options = { ...parseOptions(handedOver), ...flags, ...own };
  const parsed = procedure.options.safeParse(options);
  if (!parsed.success) throw new UsageError(wrongOption(procedure, options, parsed.error));
  const config = readConfig(file, io, procedures);
  const startedAt = new Date();
  const { context, findings, finish } = createContext({
    procedure,
    config,
    dryRun: dryRun === true,
    json: json === true,
    io,
  });
  const told = (outcome: ProcedureOutcome, part: Record<string, unknown>, endedAt: Date): void => {
    const times = { startedAt: startedAt.toISOString(), endedAt: endedAt.toISOString() };
    writeJson(io, { procedure: procedure.name, outcome, ...times, findings, ...part });
  };
  const { outcome, part } = await procedure
    .execute(options, context)
    .catch((error: unknown) => {
      // Who asked for JSON gets it also from a run that was stopped or broke.
      if (json === true) told('failed', { error: messageOf(error) }, new Date());
      throw error;
    })
    .finally(finish.signals);
  finish.result(outcome, part);
  const endedAt = new Date();
  if (json === true) told(outcome, part, endedAt);
  else io.stdout.write(`${outcome} after ${((endedAt.getTime() - startedAt.getTime()) / 1000).toFixed(1)} s\n`);
  if (outcome === 'failed') io.exitCode = 1;
  else if (outcome === 'warning' && strict === true) io.exitCode = 3;
}

/** A running agent hands its children the text in force; by hand it is --config, or the default file when there is one. */
function readConfig(given: string | undefined, io: Io, procedures: ReadonlyMap<string, AnyProcedure>): Config {
  const inherited = given === undefined ? io.env['UPKEEP_CONFIG'] : undefined;
  const file = resolve(given ?? inherited ?? defaultConfigFile(io.env));
  const baseDirectory = inherited === undefined ? undefined : io.env['UPKEEP_CONFIG_BASE'];
  const loaded = loadConfig({
    file,
    ...(baseDirectory === undefined ? {} : { baseDirectory }),
    env: io.env,
    procedures,
    missing: given === undefined ? 'empty' : 'error',
  });
  io.secrets.learn(loaded.secrets);
  if (inherited === undefined) {
    for (const { line, column, severity, message } of loaded.diagnostics) {
      io.stderr.write(`${file}:${line}:${column}: ${severity}: ${message}\n`);
    }
  }
  if (loaded.config === null) throw new UsageError(`The configuration ${file} can not be used.`);
  return loaded.config;
}

/** Every procedure takes `--config maintenance.yaml`; where one has an option of that name too, the ending of the file tells them apart. */
function configOption(procedure: AnyProcedure): Option {
  const own = ownConfigDescription(procedure);
  const text = own === undefined ? 'maintenance.yaml' : `maintenance.yaml (by its ending), or: ${own}`;
  return new Option('--config <file>', text).argParser((file: string, before: string[] | undefined) => [
    ...(before ?? []),
    file,
  ]);
}

function splitConfigs(
  procedure: AnyProcedure,
  files: readonly string[],
): { readonly file: string | undefined; readonly own: Record<string, unknown> } {
  if (ownConfigDescription(procedure) === undefined) return { file: files.at(-1), own: {} };
  const own = files.filter((file) => !/\.ya?ml$/i.test(file)).at(-1);
  return { file: files.filter((file) => /\.ya?ml$/i.test(file)).at(-1), own: own === undefined ? {} : { config: own } };
}

function ownConfigDescription(procedure: AnyProcedure): string | undefined {
  return propertiesOf(procedure)['config']?.description;
}

function propertiesOf(procedure: AnyProcedure): Readonly<Record<string, z.infer<typeof property>>> {
  return z.record(z.string(), property).parse(optionsJsonSchema(procedure)['properties'] ?? {});
}

function parseOptions(text: unknown): Record<string, unknown> {
  if (typeof text !== 'string') return {};
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(text));
  } catch {
    throw new UsageError(`--options-json, ${optionsVariable}: one JSON object is needed.`);
  }
}

function wrongOption(procedure: AnyProcedure, given: Readonly<Record<string, unknown>>, error: z.ZodError): string {
  const issue = error.issues[0];
  const key = issue?.path[0];
  if (typeof key === 'string' && given[key] === undefined) {
    return `${procedure.name}: ${optionKeyToFlag(key)} is needed. See "upkeep ${procedure.name} --help".`;
  }
  const where = typeof key === 'string' ? ` ${optionKeyToFlag(key)}` : '';
  return `${procedure.name}${where}: ${issue?.message ?? 'wrong options'}. See "upkeep ${procedure.name} --help".`;
}

function optionsOf(procedure: AnyProcedure): readonly Option[] {
  const properties = Object.entries(propertiesOf(procedure)).filter(([key]) => key !== 'config');
  return properties.map(([key, described]) => {
    const flag = optionKeyToFlag(key);
    const repeatable = described.type === 'array';
    const type = repeatable ? described.items?.type : described.type;
    if (type === 'boolean') return new Option(flag, described.description);
    const placeholder = type === 'number' || type === 'integer' ? 'n' : 'value';
    const option = new Option(
      `${flag} <${placeholder}>`,
      `${described.description ?? ''}${repeatable ? ' (repeatable)' : ''}`,
    );
    const read = (text: string): unknown => (placeholder === 'n' ? numberOf(text, flag) : text);
    if (described.enum !== undefined) option.choices(described.enum.map(String));
    else if (repeatable)
      option.argParser((text: string, before: unknown) => [
        ...(Array.isArray(before) ? (before as unknown[]) : []),
        read(text),
      ]);
    else option.argParser(read);
    return option;
  });
}

function numberOf(text: string, flag: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new UsageError(`${flag} ${text}: a number is needed.`);
  return value;
}
