/** A procedure as clients see it: for forms, palette and completion. */
import * as z from 'zod';
import type { ProcedureInfo } from '../protocol/nouns.ts';
import type { AnyProcedure } from './define.ts';

export function describeProcedure(procedure: AnyProcedure): ProcedureInfo {
  const { name, area, title, summary, changes } = procedure;
  return { name, area, title, summary, changes, optionsSchema: optionsJsonSchema(procedure) };
}

/** JSON Schema (draft 7) of the options as they are given, before defaults and transformations. */
export function optionsJsonSchema(procedure: AnyProcedure): Record<string, unknown> {
  return z.toJSONSchema(procedure.options, { target: 'draft-7', io: 'input', unrepresentable: 'any' });
}
