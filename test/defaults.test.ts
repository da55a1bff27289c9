import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { defaultChecks } from '../agent/defaults.ts';
import { procedures } from '../agent/procedures/index.ts';
import { makeConfig } from './procedures/database/context.ts';

describe('the checks of a file that names none', () => {
  const names = (given: Parameters<typeof makeConfig>[0]): string[] =>
    defaultChecks(makeConfig(given)).map((check) => check.procedure);

  it('look at the host', () => {
    assert.deepEqual(names({}), ['health-check']);
  });

  it('look at what else it names: certificates, and health and bloat of databases', () => {
    assert.deepEqual(names({ certificates: { paths: ['/etc/ssl/site.pem'] } }), ['health-check', 'check-certificates']);
    assert.deepEqual(names({ databases: [{ name: 'shop' }] }), ['health-check', 'check-db-health', 'check-bloat']);
  });

  it('are procedures that change nothing', () => {
    const all = { certificates: { paths: ['/x'] }, databases: [{ name: 'shop' }] };
    for (const name of names(all)) assert.equal(procedures.get(name)?.changes, false, name);
  });
});
