/** maintenance.yaml as JSON Schema (draft 7), for completion and checks in editors; made from the same zod schemas as loading. */
import * as z from 'zod';
import type { AnyProcedure } from '../procedures/define.ts';
import { optionsJsonSchema } from '../procedures/describe.ts';
import { optionKeyToYaml } from '../procedures/options.ts';
import type { Procedures } from './action.ts';
import { checkConfig, configFile, taskConfig } from './schema.ts';

type Schema = Record<string, unknown>;

export function maintenanceJsonSchema(procedures: Procedures): Schema {
  const registry = z.registry<{ id?: string }>();
  registry.add(taskConfig, { id: 'task' });
  registry.add(checkConfig, { id: 'check' });
  const made: Schema = z.toJSONSchema(configFile, {
    target: 'draft-7',
    io: 'input',
    unrepresentable: 'any',
    metadata: registry,
    override: ({ zodSchema, jsonSchema }) => {
      const { description } = z.globalRegistry.get(zodSchema) ?? {};
      if (description !== undefined) jsonSchema.description = description;
    },
  });
  const definitions = made['definitions'] as Record<string, Schema>;
  const { task, check } = definitions;
  if (task !== undefined) definitions['task'] = { ...task, ...taskRules(procedures) };
  if (check !== undefined) definitions['check'] = { ...check, ...checkRules(procedures) };
  return { ...allowVariables(allowOwnKeys(made)), title: 'maintenance.yaml' };
}

/** `script` is free text beside the names of built-in scripts; options follow from the procedure that either names. */
function taskRules(procedures: Procedures): Schema {
  const names = [...procedures.keys()].sort();
  return {
    allOf: [
      { properties: { procedure: { enum: names } } },
      { properties: { script: { anyOf: [{ enum: names.map((name) => `${name}.sh`) }, {}] } } },
      ...optionRules(procedures, (name) => ({
        anyOf: [
          { properties: { procedure: { const: name } }, required: ['procedure'] },
          { properties: { script: { enum: [name, `${name}.sh`] } }, required: ['script'] },
        ],
      })),
    ],
    oneOf: [{ required: ['script'] }, { required: ['procedure'] }],
  };
}

function checkRules(procedures: Procedures): Schema {
  const names = [...procedures].filter(([, procedure]) => !procedure.changes).map(([name]) => name);
  return {
    allOf: [
      { properties: { procedure: { enum: names.sort() } } },
      ...optionRules(procedures, (name) => ({ properties: { procedure: { const: name } }, required: ['procedure'] })),
    ],
  };
}

function optionRules(procedures: Procedures, when: (name: string) => Schema): Schema[] {
  return [...procedures].map(([name, procedure]) => ({
    if: when(name),
    then: { properties: { options: optionsSchema(procedure) } },
  }));
}

/** In snake_case; a list may also be written as its only element. */
function optionsSchema(procedure: AnyProcedure): Schema {
  const { properties, required, additionalProperties } = optionsJsonSchema(procedure);
  const entries = Object.entries((properties ?? {}) as Record<string, Schema>);
  return {
    type: 'object',
    properties: Object.fromEntries(entries.map(([key, schema]) => [optionKeyToYaml(key), orSingle(schema)])),
    ...(Array.isArray(required) ? { required: required.map((key) => optionKeyToYaml(String(key))) } : {}),
    ...(additionalProperties === undefined ? {} : { additionalProperties }),
  };
}

function orSingle(schema: Schema): Schema {
  if (schema['type'] !== 'array' || typeof schema['items'] !== 'object') return schema;
  const { description } = schema;
  return { ...(description === undefined ? {} : { description }), anyOf: [schema, schema['items']] };
}

/** Keys beginning with `x-` are the user's own, at both upper levels. */
function allowOwnKeys(made: Schema): Schema {
  const properties = made['properties'] as Record<string, Schema>;
  const patternProperties = { '^x-': {} };
  const maintenance = { ...properties['maintenance'], patternProperties };
  return { ...made, properties: { ...properties, maintenance }, patternProperties };
}

const variable: Schema = { type: 'string', pattern: '\\$\\{[A-Za-z_]' };

/** Any scalar may hold `${VARIABLE}`, which no format, pattern or number type would let pass. */
function allowVariables(schema: Schema): Schema {
  const changed = Object.fromEntries(
    Object.entries(schema).map(([key, value]) => {
      if (schemaMaps.has(key)) return [key, mapValues(value as Record<string, unknown>, allowIn)];
      if (schemaLists.has(key) && Array.isArray(value)) return [key, value.map(allowIn)];
      return schemaKeys.has(key) ? [key, allowIn(value)] : [key, value];
    }),
  );
  if (!isConstrainedScalar(schema)) return changed;
  const { description, default: standard, ...rest } = changed;
  return {
    ...(description === undefined ? {} : { description }),
    ...(standard === undefined ? {} : { default: standard }),
    anyOf: [rest, variable],
  };
}

const schemaMaps = new Set(['properties', 'definitions']);
const schemaLists = new Set(['anyOf', 'oneOf']);
const schemaKeys = new Set(['items', 'then']);

function isConstrainedScalar(schema: Schema): boolean {
  const { type } = schema;
  if (type === 'number' || type === 'integer' || type === 'boolean') return true;
  return type === 'string' && ['format', 'pattern', 'enum', 'maxLength'].some((key) => Object.hasOwn(schema, key));
}

function allowIn(value: unknown): unknown {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? allowVariables(value as Schema) : value;
}

function mapValues(value: Record<string, unknown>, change: (value: unknown) => unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, change(inner)]));
}
