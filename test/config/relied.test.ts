import assert from 'node:assert/strict';
import { missingFrom, type SettingPath } from '../../agent/config/relied.ts';
import { load, maintenance } from './harness.ts';

function missing(settings: readonly SettingPath[], ...lines: string[]): string[] {
  const { config } = load(maintenance(...lines));
  assert.ok(config);
  return missingFrom(config, settings).map(({ path, entry }) => (entry ? `entry ${path}` : path));
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
