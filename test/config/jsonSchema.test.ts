import assert from 'node:assert/strict';
import * as z from 'zod';
import { maintenanceJsonSchema } from '../../agent/config/jsonSchema.ts';
import { sectionNames } from '../../agent/config/sections.ts';
import { procedures } from './harness.ts';

const schemaOf = z.record(z.string(), z.unknown());

/** The schema at a path of keys. */
function at(...path: (string | number)[]): unknown {
  let found: unknown = maintenanceJsonSchema(procedures);
  for (const part of path)
    found = typeof part === 'number' ? z.array(z.unknown()).parse(found)[part] : schemaOf.parse(found)[part];
  return found;
}

describe('the JSON schema of maintenance.yaml', () => {
  const sections = schemaOf.parse(at('properties', 'maintenance', 'properties'));

  it('is draft 7 and has every section of the loader, and no other', () => {
    assert.equal(at('$schema'), 'http://json-schema.org/draft-07/schema#');
    assert.deepEqual(Object.keys(sections).sort(), ['automated_tasks', ...sectionNames].sort());
    assert.equal(at('properties', 'maintenance', 'additionalProperties'), false);
    assert.deepEqual(at('required'), ['maintenance']);
  });

  it('describes keys', () => {
    assert.equal(schemaOf.parse(sections['timezone'])['description'], 'IANA zone of all schedules that name none');
    assert.match(JSON.stringify(at('definitions', 'task', 'properties', 'schedule')), /Cron expression/);
  });

  it('names the procedures, and for checks those that only look', () => {
    const names = [
      'check-certificates',
      'database-daily-maintenance',
      'health-check',
      'rotate-logs',
      'system-health-check',
    ];
    assert.deepEqual(at('definitions', 'task', 'allOf', 0, 'properties', 'procedure', 'enum'), names);
    const looking = ['check-certificates', 'health-check', 'system-health-check'];
    assert.deepEqual(at('definitions', 'check', 'allOf', 0, 'properties', 'procedure', 'enum'), looking);
  });

  it('gives the options of the named procedure in snake_case, a list also as its only element', () => {
    const rules = z.array(schemaOf).parse(at('definitions', 'task', 'allOf'));
    const rule = rules.find((one) => JSON.stringify(one['if'] ?? {}).includes('"check-certificates.sh"'));
    const options = JSON.stringify(schemaOf.parse(rule)['then']);
    assert.match(options, /"warn_days":/);
    assert.match(options, /"domain":\{"anyOf":\[\{"type":"array"/);
    assert.match(options, /"additionalProperties":false/);
  });

  it('lets a variable stand for any number, truth value, URL or duration', () => {
    for (const path of [
      ['thresholds', 'properties', 'disk_usage_percent'],
      ['notifications', 'properties', 'slack_webhook'],
      ['database', 'properties', 'lock_timeout'],
    ]) {
      const schema = schemaOf.parse(at('properties', 'maintenance', 'properties', ...path));
      assert.deepEqual(z.array(z.unknown()).parse(schema['anyOf'])[1], { type: 'string', pattern: '\\$\\{[A-Za-z_]' });
    }
  });
});
