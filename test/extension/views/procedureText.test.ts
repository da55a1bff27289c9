import assert from 'node:assert/strict';
import { optionsText, optionTitle, procedureDetail, valueText } from '../../../extension/views/procedureText.ts';
import { makeProcedure } from '../nouns.ts';

const host = { name: 'db-01', place: 'wss://db-01:7433' };
const asked = {
  host,
  procedure: 'rotate-logs',
  options: { force: true },
  info: makeProcedure(),
  preview: null,
  dryRun: false,
};

describe('texts of procedures', () => {
  it('name options and values in plain words', () => {
    assert.equal(optionTitle('warnDays'), 'Warn days');
    assert.deepEqual([true, 'x', 3, ['a', 'b'], [], '', { a: 1 }].map(valueText), [
      'yes',
      'x',
      '3',
      'a, b',
      '(none)',
      '(empty)',
      '{"a":1}',
    ]);
    assert.equal(optionsText({}), 'the defaults');
    assert.equal(optionsText({ force: false, database: ['shop', 'crm'] }), 'Force: no; Database: shop, crm');
  });

  it('ask with procedure, options, host, whether it changes anything, and its impact', () => {
    const preview = { procedure: 'rotate-logs', title: 'Rotate Logs', changes: true, impact: 'Logs are renamed.' };
    assert.equal(
      procedureDetail({ ...asked, preview }),
      [
        'Rotate Logs (rotate-logs): Rotate the configured logs.',
        'Options: Force: yes',
        'Host: db-01 (wss://db-01:7433)',
        '',
        'It changes this host.',
        'Logs are renamed.',
      ].join('\n'),
    );
  });

  it('tell the impact to its end, however much it is', () => {
    const impact = `${'Files are replaced. '.repeat(50)}Services are reloaded.`;
    const preview = { procedure: 'deploy-certificate', title: 'Deploy', changes: true, impact };
    assert.ok(procedureDetail({ ...asked, preview }).endsWith('Services are reloaded.'));
  });

  it('say of one that only looks that it changes nothing, and assume the worst of an unknown one', () => {
    assert.match(
      procedureDetail({ ...asked, info: makeProcedure({ changes: false }) }),
      /nothing on the host is changed/,
    );
    assert.match(procedureDetail({ ...asked, info: null }), /^Procedure: rotate-logs\n[^]*It changes this host\.$/);
    assert.match(procedureDetail({ ...asked, dryRun: true }), /Dry run: [^]*changes nothing/);
  });
});
