/** The OpenRPC document (spec.open-rpc.org 1.3) of the wire, made from its zod schemas. */
import * as z from 'zod';
import { errorCodes } from '../protocol/errors.ts';
import { eventSchemas } from '../protocol/events.ts';
import { methods, protocolVersion } from '../protocol/methods.ts';

type JsonSchema = Readonly<Record<string, unknown>>;

const errors = Object.entries(errorCodes).map(([name, code]) => ({ code, message: name }));

export function openRpcDocument(agentVersion: string): object {
  return {
    openrpc: '1.3.2',
    info: {
      title: 'Upkeep agent',
      version: agentVersion,
      description: `Protocol version ${protocolVersion}. JSON-RPC 2.0 over WebSocket, one message a text frame.`,
    },
    methods: Object.entries(methods).map(([name, { summary, role, params, result }]) => ({
      name,
      summary,
      paramStructure: 'by-name',
      params: parametersOf(z.toJSONSchema(params, { target: 'draft-7', io: 'input' })),
      result: { name: 'result', schema: withoutDialect(z.toJSONSchema(result, { target: 'draft-7', io: 'output' })) },
      errors,
      'x-role': role,
    })),
    'x-events': Object.entries(eventSchemas).map(([name, schema]) => ({
      name,
      schema: withoutDialect(z.toJSONSchema(schema, { target: 'draft-7', io: 'output' })),
    })),
  };
}

function parametersOf(schema: JsonSchema): readonly object[] {
  const required = new Set(Array.isArray(schema['required']) ? (schema['required'] as readonly unknown[]) : []);
  return Object.entries(schema['properties'] ?? {}).map(([name, property]) => ({
    name,
    required: required.has(name),
    schema: property as JsonSchema,
  }));
}

function withoutDialect(schema: JsonSchema): JsonSchema {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => key !== '$schema'));
}
