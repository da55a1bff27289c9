/** Each procedure declares the settings that it reads, and no others: a mistake in one must not be missed, or stop what does not need it. */
import assert from 'node:assert/strict';
import { settingOf, type Relied } from '../../agent/config/relied.ts';
import { procedures } from '../../agent/procedures/index.ts';
import { SettingsRead } from './settingsRead.ts';

const all = [...new Set(procedures.values())];

describe('the settings that a procedure declares', function () {
  this.timeout(120_000);
  let code: SettingsRead;
  before(() => {
    code = new SettingsRead();
  });

  /** One line for each setting that is read without being declared, or declared and never read. */
  function faults(name: string, settings: readonly Relied[]): string[] {
    const { reads, others } = code.of(name);
    const declared = pathsOf(settings);
    const lookedAfter = [...others].flatMap((other) => pathsOf(procedures.get(other)?.settings ?? []));
    const undeclared = reads
      .filter(({ path }) => code.leaves.includes(path))
      .filter(({ path }) => ![...declared, ...lookedAfter].some((setting) => covers(setting, path)))
      .map(({ path, place }) => `${name} reads ${path} at ${place}, and does not declare it`);
    const unread = [...new Set(declared.flatMap((setting) => code.leaves.filter((leaf) => covers(setting, leaf))))]
      .filter((leaf) => !reads.some(({ path }) => path === leaf))
      .map((leaf) => `${name} declares ${leaf}, and never reads it`);
    return [...undeclared, ...unread];
  }

  it('are those that its work and its texts read', () => {
    assert.deepEqual(
      all.flatMap(({ name, settings }) => faults(name, settings)),
      [],
    );
  });

  it('are missed one by one, with the place where each is read', () => {
    const place = /^\S+ reads \S+ at agent\/\S+\.ts:\d+, and does not declare it$/;
    for (const { name, settings } of all) {
      const paths = [...new Set(pathsOf(settings))];
      for (const left of paths) {
        const others = paths.filter((path) => !covers(left, path) && !covers(path, left));
        const found = faults(
          name,
          settings.filter((one) => others.includes(pathOf(one))),
        );
        assert.ok(found.length > 0, `${name} without ${left}`);
        for (const fault of found) assert.match(fault, place);
      }
      assert.deepEqual(faults(name, [...settings, 'metrics']), [`${name} declares metrics.prefix, and never reads it`]);
    }
  });
});

function pathsOf(settings: readonly Relied[]): string[] {
  return settings.map(pathOf);
}

function pathOf(relied: Relied): string {
  return settingOf(relied).replace(/\[\]$/, '');
}

function covers(setting: string, path: string): boolean {
  return path === setting || path.startsWith(`${setting}.`);
}
