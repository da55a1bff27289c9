/** Asks for the options of a procedure: required ones in turn, then a list in which each can be changed, until it is to run. */
import type { ProcedureInfo } from '../../agent/protocol/nouns.ts';
import { back, type Choice, type Dialogs, type Reply } from '../dialogs.ts';
import {
  fieldsOf,
  fieldText,
  hintOf,
  missingFields,
  parseValue,
  writtenValue,
  type Field,
  type KnownValue,
  type Options,
} from './optionsForm.ts';

export interface FilledForm {
  readonly options: Options;
  readonly dryRun: boolean;
}

export interface FormParts {
  readonly dialogs: Dialogs;
  readonly title: string;
  readonly procedure: ProcedureInfo;
  /** Values to begin with. */
  readonly options: Options;
  /** Values that exist on the host, by option. */
  readonly known?: Readonly<Record<string, readonly KnownValue[]>>;
}

type Step = { readonly kind: 'run' | 'dryRun' | 'reset' } | { readonly kind: 'field'; readonly field: Field };

export async function askOptions({
  dialogs,
  title,
  procedure,
  options: given,
  known,
}: FormParts): Promise<Reply<FilledForm>> {
  const fields = fieldsOf(procedure.optionsSchema, known);
  let options = given;
  for (const field of missingFields(fields, options)) {
    const reply = await askField(dialogs, title, field, options);
    if (reply === undefined || reply === back) return reply;
    options = reply;
  }
  for (;;) {
    const step = await dialogs.pick(stepsOf(procedure, fields, options), {
      title,
      placeholder: 'Run it, or choose an option to change',
      canGoBack: true,
    });
    if (step === undefined || step === back) return step;
    if (step.kind === 'reset') options = {};
    else if (step.kind === 'field') {
      const reply = await askField(dialogs, title, step.field, options);
      if (reply === undefined) return undefined;
      if (reply !== back) options = reply;
    } else {
      const [missing] = missingFields(fields, options);
      if (missing === undefined) return { options, dryRun: step.kind === 'dryRun' };
      const reply = await askField(dialogs, title, missing, options);
      if (reply === undefined) return undefined;
      if (reply !== back) options = reply;
    }
  }
}

function stepsOf(procedure: ProcedureInfo, fields: readonly Field[], options: Options): readonly Choice<Step>[] {
  const isSet = Object.keys(options).length > 0;
  const run: Choice<Step> = {
    label: 'Run…',
    icon: 'play',
    description: procedure.changes ? 'changes the host, after a question' : 'only looks',
    value: { kind: 'run' },
  };
  const dryRun: Choice<Step> = {
    label: 'Dry Run',
    icon: 'beaker',
    description: 'prints what it would do, then offers to do it',
    value: { kind: 'dryRun' },
  };
  return [
    ...(procedure.changes ? [dryRun, run] : [run]),
    ...fields.map((field) => ({
      label: field.title,
      icon: options[field.key] === undefined ? (field.required ? 'warning' : 'circle-outline') : 'circle-filled',
      description: fieldText(field, options),
      ...(field.description === '' ? {} : { detail: field.description }),
      value: { kind: 'field' as const, field },
    })),
    ...(isSet ? [{ label: 'Reset Options', icon: 'discard', value: { kind: 'reset' as const } }] : []),
  ];
}

/** The options with the new value of the field, or without one. */
async function askField(dialogs: Dialogs, formTitle: string, field: Field, options: Options): Promise<Reply<Options>> {
  const title = `${formTitle}: ${field.title}`;
  const { type } = field;
  const value =
    field.known !== undefined
      ? await pickKnown(dialogs, title, field, field.known, options)
      : type.kind === 'boolean' || type.kind === 'choice'
        ? await pickValue(dialogs, title, field, options)
        : await writeValue(dialogs, title, field, options);
  if (value === undefined || value === back) return value;
  const rest = Object.fromEntries(Object.entries(options).filter(([key]) => key !== field.key));
  return value === leftOut ? rest : { ...rest, [field.key]: value.given };
}

const leftOut = Symbol('left out');
type Answer = { readonly given: unknown } | typeof leftOut;

async function pickValue(dialogs: Dialogs, title: string, field: Field, options: Options): Promise<Reply<Answer>> {
  const { type } = field;
  const values = type.kind === 'choice' ? type.values : [true, false];
  const current = options[field.key] ?? field.standard;
  const choices: Choice<Answer>[] = values.map((value) => ({
    label: typeof value === 'boolean' ? (value ? 'Yes' : 'No') : String(value),
    picked: value === current,
    ...(value === field.standard ? { description: 'default' } : {}),
    value: { given: value },
  }));
  if (!field.required && field.standard === undefined) choices.push({ label: 'Leave it out', value: leftOut });
  return dialogs.pick(choices, { title, placeholder: field.description, canGoBack: true });
}

const other = Symbol('another value');

/** One of the values that exist, or any other. */
async function pickKnown(
  dialogs: Dialogs,
  title: string,
  field: Field,
  known: readonly KnownValue[],
  options: Options,
): Promise<Reply<Answer>> {
  const choices: Choice<Answer | typeof other>[] = known.map(({ value, description }) => ({
    label: value,
    description,
    picked: value === options[field.key],
    value: { given: value },
  }));
  if (!field.required) choices.push({ label: 'Leave it out', value: leftOut });
  choices.push({ label: 'Another…', icon: 'edit', value: other });
  const reply = await dialogs.pick(choices, { title, placeholder: field.description, canGoBack: true });
  return reply === other ? writeValue(dialogs, title, field, options) : reply;
}

async function writeValue(dialogs: Dialogs, title: string, field: Field, options: Options): Promise<Reply<Answer>> {
  const empty = field.required ? '' : '. Empty: leave it out';
  const text = await dialogs.input({
    title,
    prompt: `${field.description === '' ? '' : `${field.description}: `}${hintOf(field.type)}${empty}`,
    value: writtenValue(field.type, options[field.key]),
    canGoBack: true,
    validate: (written) => {
      if (written.trim() === '' && !field.required) return null;
      const parsed = parseValue(field.type, written);
      return parsed.ok ? null : parsed.problem;
    },
  });
  if (text === undefined || text === back) return text;
  if (text.trim() === '' && !field.required) return leftOut;
  const parsed = parseValue(field.type, text);
  return parsed.ok ? { given: parsed.value } : undefined;
}
