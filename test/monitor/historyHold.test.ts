import assert from 'node:assert/strict';
import { logsInForce, retentionInForce, tellOfHistory, type InForce } from '../../agent/monitor/historyHold.ts';
import type { Alert } from '../../agent/protocol/nouns.ts';
import { load, maintenance } from '../config/harness.ts';

function keeperOf(...lines: string[]): InForce {
  const { config } = load(maintenance(...lines));
  assert.ok(config);
  return { current: () => config, isUnusable: () => false };
}

/** What is told: the messages raised, or `null` for a condition that is gone. */
function told(keeper: InForce, open: readonly Alert[] = []): (string | null)[] {
  const said: (string | null)[] = [];
  tellOfHistory(keeper, {
    raise: ({ message }) => said.push(message),
    resolve: () => said.push(null),
    open: () => open,
  });
  return said;
}

describe('history whose retention has a mistake', () => {
  it('is kept in full, whatever the default is, and an alert says so until it is mended', () => {
    for (const [mistake, place] of [
      ['retention: { runs: { days: 3 years } }', 'retention.runs'],
      ['retention: { runs: { dys: 1000 } }', 'retention.runs.dys'],
      ['retention: []', 'retention'],
      ['retenton: { runs: { days: 1000 } }', 'retenton'],
    ] as const) {
      const keeper = keeperOf(mistake);
      assert.equal(retentionInForce(keeper), null, mistake);
      const [message] = told(keeper);
      assert.match(message ?? '', new RegExp(`^There is a mistake in ${place} of maintenance\\.yaml, and so nothing`));
    }
    const mended = keeperOf('retention: { runs: { days: 1000 } }', 'logs: { state: [] }');
    assert.equal(retentionInForce(mended)?.runs.days, 1000);
    assert.deepEqual(told(mended), [null]);
  });

  it('is told of once, not with every change of the configuration', () => {
    const keeper = keeperOf('retention: nonsense');
    const [message] = told(keeper);
    assert.ok(message);
    assert.deepEqual(told(keeper, [{ key: 'store:kept', message } as Alert]), []);
  });

  it('is kept where nothing of the file can be used and nothing earlier of it is known', () => {
    const keeper: InForce = { ...keeperOf('checks: []'), isUnusable: () => true };
    assert.equal(retentionInForce(keeper), null);
    assert.match(told(keeper)[0] ?? '', /mistake in the text of maintenance\.yaml/);
  });

  it('leaves entries in the audit log while that, or where its archives are, has a mistake', () => {
    const trim = 'logs: { audit: { destination: /a, trim: 30d';
    assert.equal(logsInForce(keeperOf(`${trim} } }`)).audit.trim, 30 * 86_400_000);
    for (const mistake of [`${trim}, dys: 400 } }`, `${trim} }, archive: { destination: [] } }`]) {
      const keeper = keeperOf(mistake);
      assert.equal(logsInForce(keeper).audit.trim, undefined, mistake);
      assert.equal(told(keeper).length, 1);
      assert.notEqual(told(keeper)[0], null, mistake);
    }
    assert.deepEqual(told(keeperOf('logs: { archive: { destination: [] } }')), [null], 'nothing is ever deleted there');
  });
});
