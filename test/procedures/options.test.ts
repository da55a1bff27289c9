import assert from 'node:assert/strict';
import { optionKeyFromYaml, optionKeyToFlag, optionKeyToYaml } from '../../agent/procedures/options.ts';

describe('the spellings of an option', () => {
  for (const [code, yaml, flag] of [
    ['database', 'database', '--database'],
    ['warnDays', 'warn_days', '--warn-days'],
    ['longerThan1s', 'longer_than1s', '--longer-than1s'],
  ] as const) {
    it(`${code} is ${yaml} in YAML and ${flag} on the command line`, () => {
      assert.equal(optionKeyFromYaml(yaml), code);
      assert.equal(optionKeyToYaml(code), yaml);
      assert.equal(optionKeyToFlag(code), flag);
    });
  }
});
