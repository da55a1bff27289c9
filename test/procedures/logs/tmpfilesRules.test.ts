import assert from 'node:assert/strict';
import { parseTmpfiles, tmpfilesRules } from '../../../agent/procedures/logs/tmpfilesRules.ts';

describe('rules of tmpfiles.d', () => {
  const rules = parseTmpfiles([
    '# x /tmp/comment',
    'x /tmp/systemd-private-%b-*',
    'X /tmp/lock-?',
    '  x!   /var/tmp/kept.d   -  -  -  30d',
    'q /tmp 1777 root root 10d',
    'x relative',
    'x /tmp/[bad',
  ]);

  for (const [file, rule] of [
    ['/tmp/systemd-private-0a1b-nginx/tmp/x', 'x /tmp/systemd-private-%b-*'],
    ['/tmp/systemd-private-0a1b-nginx', 'x /tmp/systemd-private-%b-*'],
    ['/tmp/lock-1', 'X /tmp/lock-?'],
    ['/tmp/lock-1/inside', null],
    ['/var/tmp/kept.d/a/b', 'x! /var/tmp/kept.d'],
    ['/var/tmp/kept.dx', null],
    ['/tmp/comment', null],
    ['/tmp/other', null],
  ] as const) {
    it(`${file} is kept by ${rule ?? 'none'}`, () => {
      assert.equal(rules(file), rule);
    });
  }

  it('are those of this host, and none without systemd-tmpfiles', async () => {
    const { signal } = new AbortController();
    const own = await tmpfilesRules({ env: process.env, signal });
    assert.match(own('/tmp/systemd-private-x-y/tmp/z') ?? '', /^x \/tmp\/systemd-private/);
    const none = await tmpfilesRules({ env: { PATH: '/nowhere' }, signal });
    assert.equal(none('/tmp/systemd-private-x-y/tmp/z'), null);
  });
});
