import assert from 'node:assert/strict';
import { logsInForce, retentionInForce } from '../../agent/monitor/historyHold.ts';
import { tellOfMistakes } from '../../agent/monitor/mistakeAlerts.ts';
import type { Config } from '../../agent/config/schema.ts';
import type { Alert } from '../../agent/protocol/nouns.ts';
import { load, maintenance } from '../config/harness.ts';

function configOf(...lines: string[]): Config {
  const { config } = load(maintenance(...lines));
  assert.ok(config);
  return config;
}

/** What is told: the messages raised, or `null` for a condition that is gone. */
function told(config: Config, open: readonly Alert[] = []): (string | null)[] {
  const said: (string | null)[] = [];
  tellOfMistakes(config, {
    raise: ({ key, message }) => key === 'store:kept' && said.push(message),
    resolve: (key) => key === 'store:kept' && said.push(null),
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
      const config = configOf(mistake);
      assert.equal(retentionInForce(config), null, mistake);
      const [message] = told(config);
      assert.match(message ?? '', new RegExp(`^There is a mistake in ${place} of maintenance\\.yaml, and so nothing`));
    }
    const mended = configOf('retention: { runs: { days: 1000 } }', 'logs: { state: [] }');
    assert.equal(retentionInForce(mended)?.runs.days, 1000);
    assert.deepEqual(told(mended), [null]);
  });

  it('is told of once, not with every change of the configuration', () => {
    const config = configOf('retention: nonsense');
    const [message] = told(config);
    assert.ok(message);
    assert.deepEqual(told(config, [{ key: 'store:kept', message } as Alert]), []);
  });

  it('leaves entries in the audit log while that, or where its archives are, has a mistake', () => {
    const trim = 'logs: { audit: { destination: /a, trim: 30d';
    assert.equal(logsInForce(configOf(`${trim} } }`)).audit.trim, 30 * 86_400_000);
    for (const mistake of [`${trim}, dys: 400 } }`, `${trim} }, archive: { destination: [] } }`]) {
      const config = configOf(mistake);
      assert.equal(logsInForce(config).audit.trim, undefined, mistake);
      assert.equal(told(config).length, 1);
      assert.notEqual(told(config)[0], null, mistake);
    }
    assert.deepEqual(told(configOf('logs: { archive: { destination: [] } }')), [null], 'nothing is ever deleted there');
  });
});
