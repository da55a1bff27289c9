import assert from 'node:assert/strict';
import { isReliedOn, missingFrom, type Relied, type SettingPath } from '../../agent/config/relied.ts';
import { loadConfig } from '../../agent/config/load.ts';
import { procedures } from '../../agent/procedures/index.ts';
import { load, maintenance } from './harness.ts';

function missing(settings: readonly Relied[], ...lines: string[]): string[] {
  const { config } = load(maintenance(...lines));
  assert.ok(config);
  return missingFrom(config, settings).map(({ path, loss }) => (loss === 'setting' ? path : `${loss} ${path}`));
}

describe('the settings by which something works', () => {
  it('are missing where a mistake is in them, above them or below them, and nowhere else', () => {
    const archive = 'logs: { archive: { keep: 30 days }, state: s }';
    assert.deepEqual(missing(['logs.archive'], archive), ['logs.archive']);
    assert.deepEqual(missing(['logs.archive.keep'], archive), ['logs.archive']);
    assert.deepEqual(missing(['logs.state', 'logs.audit', 'retention', 'databases[]'], archive), []);
    assert.deepEqual(missing(['logs.archive.keep'], 'logs: nonsense'), ['logs']);
    assert.deepEqual(missing(['logs'], 'logs: { archive: { kep: 30d } }'), ['logs.archive.kep']);
    assert.deepEqual(missing(['retention.runs'], 'retention: { runs: { days: "${UNSET}" } }'), ['retention.runs']);
  });

  it('may be what is meant by a key that nobody knows, and by a section that is nearly one', () => {
    assert.deepEqual(missing(['logs.archive'], 'logs: { archiv: { keep: 30d } }'), ['logs.archiv']);
    assert.deepEqual(missing(['logs.archive.keep'], 'logs: { archive: { kep: 30d } }'), ['logs.archive.kep']);
    assert.deepEqual(missing(['logs.state'], 'logs: { archive: { kep: 30d } }'), []);
    assert.deepEqual(missing(['logs.archive'], 'log: { archive: { keep: 30d } }'), ['log']);
    assert.deepEqual(missing(['databases[]', 'retention'], 'log: {}', 'quite_different: 1', 'x-own: 1'), []);
  });

  it('lose an entry of a list alone only where entries stand for themselves, and another one is left', () => {
    const rotate = ['logs:', '  rotate:', '    - { paths: [/a.log] }', '    - { paths: [/b.log], rotate: many }'];
    assert.deepEqual(missing(['logs.rotate[]'], ...rotate), ['entry logs.rotate[1]']);
    assert.deepEqual(missing(['logs.rotate'], ...rotate), ['logs.rotate[1]']);
    assert.deepEqual(missing(['logs.rotate[]'], 'logs: { rotate: [{ paths: 7 }] }'), ['logs.rotate[0]']);
    assert.deepEqual(missing(['databases[]'], 'databases: [{ name: a }, { name: 1.5, url: [] }]'), [
      'entry databases[1]',
    ]);
    assert.deepEqual(missing(['databases[]'], 'databases: [{ name: a, ulr: b }]'), ['databases[0].ulr']);
    const command = 'certificates: { renew_command: [/bin/renew, [--staging]] }';
    assert.deepEqual(missing(['certificates.renew_command'], command), ['certificates.renew_command']);
  });

  it('by which something is only told are no more than that, unless it works by them too', () => {
    const told = { setting: 'certificates.deploy[]', tells: true } as const;
    const mistake = 'certificates: { deploy: [{ domain: a.example, to: 7 }], renew: 7 }';
    assert.deepEqual(missing([told], mistake), ['told certificates.deploy[0]']);
    assert.deepEqual(missing([told, 'certificates.deploy'], mistake), ['certificates.deploy[0]']);
    assert.equal(isReliedOn(['certificates', 'deploy'], [told]), false);
    assert.equal(isReliedOn(['certificates', 'deploy'], [told, 'certificates.deploy']), true);
  });

  it('are said to keep procedures from changing anything', () => {
    const told = (logs: string): string | undefined =>
      loadConfig({ file: '/f', text: `maintenance: { logs: ${logs} }`, env: {}, procedures }).diagnostics[0]?.message;
    const refuse = ', but procedures that change anything by it refuse';
    assert.ok(told('{ archive: { keep: 1 day } }')?.endsWith(`; its default holds${refuse}`));
    assert.ok(told('{ archive: { kep: 1d } }')?.endsWith(`did you mean \`keep\`? (this entry is left out${refuse})`));
    assert.ok(told('{ rotate: [{ paths: {} }] }')?.endsWith('; this entry is left out'));
    assert.ok(told('{ analyze: { error_rate: x } }')?.endsWith('; its default holds'));
  });

  it('are known to the compiler', () => {
    const wrong = [
      // @ts-expect-error there is no such section
      'log.archive',
      // @ts-expect-error there is no such key
      'logs.archive.kep',
      // @ts-expect-error it is no list
      'logs.archive[]',
    ] satisfies readonly SettingPath[];
    assert.equal(wrong.length, 3);
  });
});
