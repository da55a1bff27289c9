import assert from 'node:assert/strict';
import { logCleanup } from '../../agent/config/logs.ts';

describe('leftovers that clean-system-logs may remove', () => {
  const takes = (pattern: string): boolean => logCleanup.safeParse({ files: [{ paths: [pattern] }] }).success;

  for (const pattern of [
    '/**',
    '/*/old',
    '/{etc,usr}/x',
    '/etc/*.conf',
    '/tmp/../usr/bin/*',
    '/usr/lib/x',
    '/lib64/*',
    '/boot/**',
  ]) {
    it(`are no files of the system: ${pattern}`, () => {
      assert.equal(takes(pattern), false);
    });
  }

  it('are those below folders of their own', () => {
    const good = [
      '/tmp/app-*',
      '/var/tmp/**',
      '/usr/local/app/tmp/*',
      '/dev/shm/app-*',
      '/core.*',
      '/etcetera/*',
      'tmp/*',
      '/srv/*/tmp/*',
    ];
    assert.deepEqual(
      good.filter((pattern) => !takes(pattern)),
      [],
    );
  });
});
