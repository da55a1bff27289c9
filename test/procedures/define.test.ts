import assert from 'node:assert/strict';
import { procedures } from '../../agent/procedures/index.ts';
import { load, procedures as plainProcedures } from '../config/harness.ts';

const { config } = load('maintenance:\n  databases: [{ name: shop, url: "postgres://localhost/shop" }]\n');

describe('a procedure', () => {
  it('says what a run with these options does to the host', async () => {
    assert.ok(config);
    const rotate = procedures.get('rotate-logs');
    assert.match((await rotate?.impactOf({}, config)) ?? '', /^Logs that are due are renamed/);
    assert.match((await rotate?.impactOf({ force: true }, config)) ?? '', /^Every log that is not empty is renamed/);
    const vacuum = procedures.get('database-daily-maintenance');
    assert.match((await vacuum?.impactOf({}, config)) ?? '', /in database shop: reads and writes go on/);
    assert.match((await vacuum?.impactOf({ database: ['shop'] }, config)) ?? '', /in database shop: /);
  });

  it('judges the options first, and may leave it to its summary', async () => {
    assert.ok(config);
    await assert.rejects(procedures.get('rotate-logs')?.impactOf({ forec: true }, config) ?? Promise.resolve());
    assert.equal(await plainProcedures.get('rotate-logs')?.impactOf({}, config), null);
  });
});
