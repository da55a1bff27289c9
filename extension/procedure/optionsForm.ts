/**
 * The form of a procedure, made from the JSON Schema (draft 7) of its options as the agent sends it: one field for each
 * option. Values are judged here so far as the schema tells; the agent judges them again. Pure.
 */
import * as z from 'zod';
import { optionTitle, valueText } from '../views/procedureText.ts';
import { plain } from '../views/text.ts';

export type FieldKind =
  | { readonly kind: 'boolean' }
  | { readonly kind: 'choice'; readonly values: readonly (string | number)[] }
  | {
      readonly kind: 'number';
      readonly integer: boolean;
      readonly minimum: number | null;
      readonly maximum: number | null;
    }
  | {
      readonly kind: 'text';
      readonly minLength: number;
      readonly maxLength: number | null;
      readonly pattern: string | null;
    }
  | { readonly kind: 'list'; readonly item: FieldKind; readonly minItems: number; readonly maxItems: number | null }
  /** A value that the schema says nothing about, or too much. */
  | { readonly kind: 'any' };

export interface Field {
  readonly key: string;
  readonly title: string;
  readonly description: string;
  readonly required: boolean;
  /** What holds when it is left out; undefined = the schema does not say. */
  readonly standard: unknown;
  readonly type: FieldKind;
  /** Values that exist on the host, the likeliest first; any other that fits may be written too. */
  readonly known?: readonly KnownValue[];
}

export interface KnownValue {
  readonly value: string;
  readonly description: string;
}

export type Options = Readonly<Record<string, unknown>>;
export type Parsed = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly problem: string };

const property = z.looseObject({
  type: z.unknown().optional(),
  description: z.string().optional(),
  default: z.unknown().optional(),
  enum: z.array(z.union([z.string(), z.number()])).optional(),
  const: z.union([z.string(), z.number()]).optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  minLength: z.number().optional(),
  maxLength: z.number().optional(),
  pattern: z.string().optional(),
  minItems: z.number().optional(),
  maxItems: z.number().optional(),
  items: z.unknown().optional(),
  anyOf: z.array(z.unknown()).optional(),
});
type Property = z.infer<typeof property>;
const schemaOf = z.looseObject({
  properties: z.record(z.string(), z.unknown()).default({}),
  required: z.array(z.string()).default([]),
});

/** Required ones first, then in the order of the schema. Empty when it is no schema of an object. */
export function fieldsOf(
  optionsSchema: Options,
  known: Readonly<Record<string, readonly KnownValue[]>> = {},
): readonly Field[] {
  const { properties, required } = schemaOf.safeParse(optionsSchema).data ?? { properties: {}, required: [] };
  return Object.entries(properties)
    .map(([key, value]): Field => {
      const schema = property.safeParse(value).data ?? {};
      return {
        key,
        title: optionTitle(key),
        description: plain(schema.description ?? ''),
        required: required.includes(key) && schema.default === undefined,
        standard: schema.default,
        type: typeOf(schema),
        ...(known[key] === undefined || known[key].length === 0 ? {} : { known: known[key] }),
      };
    })
    .sort((a, b) => Number(b.required) - Number(a.required));
}

/** Required fields without a value. */
export function missingFields(fields: readonly Field[], options: Options): readonly Field[] {
  return fields.filter((field) => field.required && options[field.key] === undefined);
}

/** `yes`, `3`, `a, b`; of a field that is left out what holds then. */
export function fieldText(field: Field, options: Options): string {
  const value = options[field.key];
  if (value !== undefined) return valueText(value);
  if (field.required) return 'needed';
  return field.standard === undefined ? 'not set' : `${valueText(field.standard)} (default)`;
}

/** How to write a value: one clause, for the prompt. */
export function hintOf(type: FieldKind): string {
  switch (type.kind) {
    case 'boolean':
      return 'yes or no';
    case 'choice':
      return `one of ${type.values.join(', ')}`;
    case 'number':
      return `${type.integer ? 'a whole number' : 'a number'}${rangeText(type.minimum, type.maximum)}`;
    case 'text':
      return 'text';
    case 'list':
      return `several, with commas between them: each ${hintOf(type.item)}`;
    case 'any':
      return 'text, or a value in JSON';
  }
}

/** What a person wrote → the value. Blanks around it are dropped. */
export function parseValue(type: FieldKind, text: string): Parsed {
  const trimmed = text.trim();
  switch (type.kind) {
    case 'boolean':
      return ['yes', 'true', 'no', 'false'].includes(trimmed.toLowerCase())
        ? good(/^(yes|true)$/i.test(trimmed))
        : bad('Write yes or no');
    case 'choice': {
      const found = type.values.find((value) => String(value) === trimmed);
      return found === undefined ? bad(`Write ${hintOf(type)}`) : good(found);
    }
    case 'number':
      return parseNumber(type, trimmed);
    case 'text':
      return parseText(type, trimmed);
    case 'list':
      return parseList(type, trimmed);
    case 'any':
      return good(asJson(trimmed));
  }
}

/** The value as `parseValue` would read it. */
export function writtenValue(type: FieldKind, value: unknown): string {
  if (value === undefined) return '';
  if (type.kind === 'list' && Array.isArray(value)) {
    const simple = value.every(
      (one) => typeof one !== 'string' || (one !== '' && one === one.trim() && !/[,[\]]/.test(one)),
    );
    return simple ? value.map(String).join(', ') : JSON.stringify(value);
  }
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function typeOf(schema: Property): FieldKind {
  const values = schema.enum ?? (schema.const === undefined ? undefined : [schema.const]);
  if (values !== undefined) return { kind: 'choice', values };
  if (schema.anyOf !== undefined) return typeOfAny(schema.anyOf);
  if (Array.isArray(schema.type)) return typeOfAny(schema.type.map((type: unknown) => ({ ...schema, type })));
  switch (schema.type) {
    case 'boolean':
      return { kind: 'boolean' };
    case 'integer':
    case 'number':
      return {
        kind: 'number',
        integer: schema.type === 'integer',
        minimum: bound(schema.minimum),
        maximum: bound(schema.maximum),
      };
    case 'string':
      return {
        kind: 'text',
        minLength: schema.minLength ?? 0,
        maxLength: schema.maxLength ?? null,
        pattern: schema.pattern ?? null,
      };
    case 'array': {
      const item = typeOf(property.safeParse(schema.items ?? {}).data ?? {});
      // Lists of lists are written as JSON.
      if (item.kind === 'list') return { kind: 'any' };
      return { kind: 'list', item, minItems: schema.minItems ?? 0, maxItems: schema.maxItems ?? null };
    }
    default:
      return { kind: 'any' };
  }
}

/** One kind besides null, or constants only; anything else is free. */
function typeOfAny(schemas: readonly unknown[]): FieldKind {
  const types = schemas
    .map((one) => property.safeParse(one).data ?? {})
    .filter((one) => one.type !== 'null')
    .map(typeOf);
  const [only] = types;
  if (only !== undefined && types.length === 1) return only;
  const values = types.flatMap((type) => (type.kind === 'choice' ? type.values : []));
  return types.length > 0 && types.every((type) => type.kind === 'choice')
    ? { kind: 'choice', values }
    : { kind: 'any' };
}

/** zod writes the limits of whole numbers that every number has anyway. */
function bound(value: number | undefined): number | null {
  return value === undefined || Math.abs(value) === Number.MAX_SAFE_INTEGER ? null : value;
}

function rangeText(minimum: number | null, maximum: number | null): string {
  if (minimum !== null && maximum !== null) return ` from ${minimum} to ${maximum}`;
  if (minimum !== null) return ` from ${minimum}`;
  return maximum === null ? '' : ` up to ${maximum}`;
}

function parseNumber(type: Extract<FieldKind, { kind: 'number' }>, text: string): Parsed {
  const value = Number(text);
  const fits =
    text !== '' &&
    Number.isFinite(value) &&
    (!type.integer || Number.isSafeInteger(value)) &&
    value >= (type.minimum ?? value) &&
    value <= (type.maximum ?? value);
  return fits ? good(value) : bad(`Write ${hintOf(type)}`);
}

function parseText({ minLength, maxLength, pattern }: Extract<FieldKind, { kind: 'text' }>, text: string): Parsed {
  if (text.length < minLength) return bad(minLength === 1 ? 'Write something' : `At least ${minLength} characters`);
  if (maxLength !== null && text.length > maxLength) return bad(`At most ${maxLength} characters`);
  return pattern === null || matches(pattern, text) ? good(text) : bad(`It must look like ${plain(pattern)}`);
}

/** A pattern of another dialect than ours is left to the agent. */
function matches(pattern: string, text: string): boolean {
  try {
    return new RegExp(pattern, 'u').test(text);
  } catch {
    return true;
  }
}

function parseList({ item, minItems, maxItems }: Extract<FieldKind, { kind: 'list' }>, text: string): Parsed {
  const written = text.startsWith('[') ? asJson(text) : null;
  const texts = Array.isArray(written)
    ? written.map((one: unknown) => (typeof one === 'string' ? one : JSON.stringify(one)))
    : text
        .split(',')
        .map((one) => one.trim())
        .filter((one) => one !== '');
  // Text that was written as JSON is meant as it stands, blanks included.
  const exact = Array.isArray(written) && item.kind === 'text';
  const parsed = texts.map((one) => (exact ? parseText(item, one) : parseValue(item, one)));
  const wrong = parsed.find((one) => !one.ok);
  if (wrong !== undefined) return wrong;
  if (parsed.length < minItems) return bad(minItems === 1 ? 'Write at least one' : `Write at least ${minItems}`);
  if (maxItems !== null && parsed.length > maxItems) return bad(`At most ${maxItems}`);
  return good(parsed.map((one) => (one.ok ? one.value : undefined)));
}

/** Text that is no JSON, or a JSON string, is itself. */
function asJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function good(value: unknown): Parsed {
  return { ok: true, value };
}

function bad(problem: string): Parsed {
  return { ok: false, problem };
}
