import assert from 'node:assert/strict';
import * as z from 'zod';
import { describeProcedure } from '../../../agent/procedures/describe.ts';
import { defineProcedure } from '../../../agent/procedures/define.ts';
import { procedures } from '../../../agent/procedures/index.ts';
import {
  fieldsOf,
  fieldText,
  hintOf,
  missingFields,
  parseValue,
  writtenValue,
  type Field,
  type FieldKind,
} from '../../../extension/procedure/optionsForm.ts';

const sample = defineProcedure({
  name: 'sample',
  area: 'database',
  title: 'Sample',
  summary: 'Sample',
  changes: true,
  settings: [],
  options: z.object({
    full: z.boolean().default(false).describe('All of it'),
    mode: z.enum(['fast', 'safe']).default('safe').describe('How'),
    target: z.string().min(1).describe('Where to'),
    days: z.int().min(1).max(30).optional(),
    ratio: z.number().optional(),
    count: z.int().optional(),
    name: z
      .string()
      .regex(/^[a-z]+$/)
      .max(5)
      .optional(),
    tables: z.array(z.string().min(1)).min(1).optional(),
    sizes: z.array(z.int().min(0)).max(2).optional(),
    kind: z.union([z.literal('a'), z.literal('b')]).optional(),
    perhaps: z.string().nullable().optional(),
    either: z.union([z.string(), z.number()]).optional(),
    nested: z.object({ deep: z.boolean() }).optional(),
  }),
  work: () =>
    Promise.resolve({ part: z.object({}), run: () => Promise.resolve({ outcome: 'unchanged' as const, part: {} }) }),
});
const fields = fieldsOf(describeProcedure(sample).optionsSchema);
function field(key: string): Field {
  const found = fields.find((one) => one.key === key);
  assert.ok(found, `no field ${key}`);
  return found;
}
function parsed(key: string, text: string): unknown {
  const result = parseValue(field(key).type, text);
  return result.ok ? result.value : `✗ ${result.problem}`;
}

describe('the form of a procedure', () => {
  it('has a field for each option of the zod schema, required ones first', () => {
    assert.deepEqual(
      fields.map(({ key, type }) => `${key}: ${type.kind}`),
      [
        'target: text',
        'full: boolean',
        'mode: choice',
        'days: number',
        'ratio: number',
        'count: number',
        'name: text',
        'tables: list',
        'sizes: list',
        'kind: choice',
        'perhaps: text',
        'either: any',
        'nested: any',
      ],
    );
    assert.deepEqual(
      fields.filter((one) => one.required).map((one) => one.key),
      ['target'],
    );
    assert.deepEqual([field('mode').standard, field('mode').description], ['safe', 'How']);
  });

  it('knows every option of every built-in procedure', () => {
    for (const procedure of new Set(procedures.values()))
      for (const one of fieldsOf(describeProcedure(procedure).optionsSchema)) {
        assert.notEqual(one.type.kind, 'any', `${procedure.name} ${one.key}`);
        assert.notEqual(one.description, '', `${procedure.name} ${one.key}`);
      }
  });

  for (const [key, text, value] of [
    ['days', ' 7 ', 7],
    ['days', '0', '✗ Write a whole number from 1 to 30'],
    ['days', '1.5', '✗ Write a whole number from 1 to 30'],
    ['days', '0x10', 16],
    ['days', '', '✗ Write a whole number from 1 to 30'],
    ['count', '1e99', '✗ Write a whole number'],
    ['ratio', '1.5', 1.5],
    ['ratio', 'NaN', '✗ Write a number'],
    ['target', '  /srv ', '/srv'],
    ['target', ' ', '✗ Write something'],
    ['name', 'abc', 'abc'],
    ['name', 'ABC', '✗ It must look like ^[a-z]+$'],
    ['name', 'abcdef', '✗ At most 5 characters'],
    ['mode', 'fast', 'fast'],
    ['mode', 'slow', '✗ Write one of fast, safe'],
    ['full', 'Yes', true],
    ['full', 'maybe', '✗ Write yes or no'],
    ['tables', 'a, b,', ['a', 'b']],
    ['tables', '["a,b"]', ['a,b']],
    ['tables', ' ', '✗ Write at least one'],
    ['sizes', '1, 2', [1, 2]],
    ['sizes', '1, x', '✗ Write a whole number from 0'],
    ['sizes', '1, 2, 3', '✗ At most 2'],
    ['kind', 'b', 'b'],
    ['either', '24h', '24h'],
    ['either', '24', 24],
    ['nested', '{"deep":true}', { deep: true }],
  ] as const)
    it(`reads ${JSON.stringify(text)} of ${key} as ${JSON.stringify(value)}`, () => {
      assert.deepEqual(parsed(key, text), value);
    });

  it('writes a value so that it reads the same again', () => {
    const values: readonly (readonly [string, unknown])[] = [
      ['full', true],
      ['days', 7],
      ['tables', ['a', 'b']],
      ['tables', ['a,b', ' c ']],
      ['sizes', [1, 2]],
      ['either', '24h'],
      ['nested', { deep: false }],
    ];
    for (const [key, value] of values) assert.deepEqual(parsed(key, writtenValue(field(key).type, value)), value);
    assert.equal(writtenValue(field('days').type, undefined), '');
  });

  it('says what holds: the value, the default, that it is needed, that nothing is set', () => {
    assert.equal(fieldText(field('target'), {}), 'needed');
    assert.equal(fieldText(field('target'), { target: '/srv' }), '/srv');
    assert.equal(fieldText(field('mode'), {}), 'safe (default)');
    assert.equal(fieldText(field('full'), { full: true }), 'yes');
    assert.equal(fieldText(field('days'), {}), 'not set');
    assert.deepEqual(
      missingFields(fields, {}).map((one) => one.key),
      ['target'],
    );
    assert.deepEqual(missingFields(fields, { target: 'x' }), []);
  });

  it('takes a schema that it can not read as free, and none as a form without fields', () => {
    assert.deepEqual(fieldsOf({}), []);
    assert.deepEqual(fieldsOf({ properties: 5 }), []);
    const [odd] = fieldsOf({ type: 'object', properties: { x: { type: 'array', items: { type: 'array' } }, y: 7 } });
    assert.equal(odd?.type.kind, 'any');
    const bad: FieldKind = { kind: 'text', minLength: 0, maxLength: null, pattern: '(' };
    assert.deepEqual(parseValue(bad, 'x'), { ok: true, value: 'x' });
    assert.equal(hintOf({ kind: 'number', integer: false, minimum: null, maximum: 5 }), 'a number up to 5');
  });
});
